package http

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/danube-messaging/danube-wasm/guest-sdk/go/danubesink"
)

func TestAStatusSaysWhatBecomesOfTheRecords(t *testing.T) {
	var retryable *danubesink.RetryableError
	var rejected *danubesink.RejectedError
	var fatal *danubesink.FatalError
	for _, status := range []int{200, 204, 299} {
		if err := (&Response{Status: status}).CheckStatus(); err != nil {
			t.Error(status, err)
		}
	}
	for _, status := range []int{408, 425, 429, 500, 503, 599, 600, 101} {
		if err := (&Response{Status: status, Body: []byte("why")}).CheckStatus(); !errors.As(err, &retryable) || retryable.After != 0 {
			t.Error(status, err)
		}
	}
	for _, status := range []int{401, 407} {
		if err := (&Response{Status: status, Body: []byte("why")}).CheckStatus(); !errors.As(err, &fatal) || err.Error() != fmt.Sprintf("status %d: why", status) {
			t.Error(status, err)
		}
	}
	for _, status := range []int{400, 403, 404, 409, 422, 499} {
		if err := (&Response{Status: status}).CheckStatus(); !errors.As(err, &rejected) {
			t.Error(status, err)
		}
	}
	err := (&Response{Status: 301, Headers: []Header{{"location", "https://new.example.com/"}}}).CheckStatus()
	if !errors.As(err, &fatal) || err.Error() != "status 301: redirected to `https://new.example.com/`, and redirects are not followed" {
		t.Error(err)
	}
	err = (&Response{Status: 503, Headers: []Header{{"retry-after", "7"}}}).CheckStatus()
	if !errors.As(err, &retryable) || retryable.After != 7*time.Second || err.Error() != "status 503" {
		t.Error(err)
	}
}

func TestTheBodyIsQuotedUpToAPointAndOnOneLine(t *testing.T) {
	response := Response{Status: 400, Body: []byte("  a\nb" + strings.Repeat("ü", 500))}
	if err := response.CheckStatus(); err.Error() != "status 400: a b"+strings.Repeat("ü", 197) {
		t.Error(err)
	}
}

func TestRetryAfterIsSecondsOrADate(t *testing.T) {
	now := func() time.Time { return time.Unix(784111777, 0) }
	for value, expected := range map[string]time.Duration{
		"0": 0, "120": 2 * time.Minute, "Sun, 06 Nov 1994 08:49:40 GMT": 3 * time.Second, "Sun, 06 Nov 1994 08:49:30 GMT": 0,
		"soon": 0, "-5": 0, "1.5": 0,
	} {
		if got := pause(value, now); got != expected {
			t.Errorf("%s: %v", value, got)
		}
	}
}

func TestErrorsSayWhatTheHostShouldDo(t *testing.T) {
	var retryable *danubesink.RetryableError
	var rejected *danubesink.RejectedError
	var fatal *danubesink.FatalError
	for kind, target := range map[ErrorKind]any{
		Denied: &fatal, InvalidRequest: &fatal, RequestTooLarge: &rejected, TooLarge: &rejected,
		Connect: &retryable, TLS: &retryable, Timeout: &retryable, Protocol: &retryable,
	} {
		if err := error(&Error{kind, "why"}); !errors.As(err, target) {
			t.Error(err)
		}
	}
}

func TestRequestsAreAnsweredInTheirOrder(t *testing.T) {
	AnswerWith = func(request *Request) (*Response, error) {
		return &Response{Status: len(request.URL), Body: request.Body}, nil
	}
	defer func() { AnswerWith = nil }()
	answers := SendAll(context.Background(), New("GET", "a"), NewJSON("POST", "b", func() {}), NewJSON("POST", "ccc", "<&>"))
	var wrong *Error
	if answers[0].Response.Status != 1 || !errors.As(answers[1].Err, &wrong) || wrong.Kind != InvalidRequest {
		t.Error(answers)
	}
	if got := string(answers[2].Response.Body); got != `"<&>"` {
		t.Error(got)
	}
	late, cancel := context.WithDeadline(context.Background(), time.Unix(1, 0))
	defer cancel()
	if _, err := Send(late, New("GET", "a")); !errors.As(err, &wrong) || wrong.Kind != Timeout {
		t.Error(err)
	}
}
