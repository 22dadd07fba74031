package http

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/danube-messaging/danube-wasm/guest-sdk/go/danubesink"
)

// How much of a body goes into the reason of an error, in characters.
const excerpt = 200

// Response is a response, with whatever status.
type Response struct {
	// Status is the status code.
	Status int
	// Headers have names in lower case. The values of one name stand together, in the order received.
	Headers []Header
	// Body are the bytes as they came: not decompressed.
	Body []byte
}

// OK says whether the status is 2xx.
func (r *Response) OK() bool { return r.Status >= 200 && r.Status < 300 }

// Header gives the first value of a header; upper and lower case make no difference. Empty: there is none.
func (r *Response) Header(name string) string {
	for _, header := range r.Headers {
		if strings.EqualFold(header.Name, name) {
			return header.Value
		}
	}
	return ""
}

// JSON reads the body into a value, as json.Unmarshal does. What does not fit is the server's mistake: an *Error of the kind
// Protocol.
func (r *Response) JSON(value any) error {
	if err := json.Unmarshal(r.Body, value); err != nil {
		return &Error{Kind: Protocol, Reason: "unexpected JSON: " + err.Error()}
	}
	return nil
}

// RetryAfter gives the pause that the server asks for with Retry-After, in seconds or as a date; 0 if there is none.
func (r *Response) RetryAfter() time.Duration { return pause(r.Header("retry-after"), time.Now) }

// CheckStatus says what the status means for the records that the request carried:
//
//	2xx                  nil
//	408, 425, 429, 5xx   *danubesink.RetryableError, with the pause of RetryAfter
//	401, 407             *danubesink.FatalError, with the first 200 characters of the body: no record is to blame for credentials
//	other 4xx            *danubesink.RejectedError, with the first 200 characters of the body
//	3xx                  *danubesink.FatalError, with the Location: the URL in the settings is not the right one
func (r *Response) CheckStatus() error {
	switch {
	case r.OK():
		return nil
	case r.Status >= 300 && r.Status < 400:
		location := r.Header("location")
		if location == "" {
			location = "nowhere"
		}
		return danubesink.Fatal("status %d: redirected to `%s`, and redirects are not followed", r.Status, location)
	case r.Status == 408, r.Status == 425, r.Status == 429:
		return danubesink.RetryableAfter(r.RetryAfter(), "%s", r.refusal())
	case r.Status == 401, r.Status == 407:
		return danubesink.Fatal("%s", r.refusal())
	case r.Status >= 400 && r.Status < 500:
		return danubesink.Rejected("%s", r.refusal())
	default:
		// No final response is below 200 or above 599: whatever sent it does not work as it should just now.
		return danubesink.RetryableAfter(r.RetryAfter(), "%s", r.refusal())
	}
}

// refusal is the status and the beginning of the body, on one line.
func (r *Response) refusal() string {
	text := []rune(strings.TrimSpace(strings.ToValidUTF8(string(r.Body), "\uFFFD")))
	text = text[:min(len(text), excerpt)]
	for i, char := range text {
		if unicode.IsControl(char) {
			text[i] = ' '
		}
	}
	if len(text) == 0 {
		return fmt.Sprintf("status %d", r.Status)
	}
	return fmt.Sprintf("status %d: %s", r.Status, string(text))
}

// String leaves out headers and body: they may hold secrets and data.
func (r *Response) String() string { return fmt.Sprintf("status %d, %d bytes", r.Status, len(r.Body)) }

// pause is what Retry-After asks for. A date that has passed asks for no pause.
func pause(value string, now func() time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if seconds, err := strconv.ParseUint(value, 10, 32); err == nil {
		return time.Duration(seconds) * time.Second
	}
	for _, format := range []string{"Mon, 02 Jan 2006 15:04:05 GMT", "Monday, 02-Jan-06 15:04:05 GMT", time.ANSIC} {
		if date, err := time.Parse(format, value); err == nil {
			return max(date.Sub(now()), 0)
		}
	}
	return 0
}
