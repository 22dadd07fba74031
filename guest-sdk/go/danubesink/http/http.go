// Package http sends requests through the host, each in one crossing and behind its gate: only what the connector's file grants
// under [capabilities] http is reached. Redirects are not followed.
//
//	request := http.NewJSON("POST", config.URL, order).Header("Authorization", "Bearer "+config.Token)
//	response, err := http.Send(ctx, request)
//	if err != nil {
//		return err // *Error, which says itself what the host should do.
//	}
//	return response.CheckStatus()
//
// Package net/http has no way out of a component; this one takes its place.
package http

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"
)

// Request is a request. What is wrong with it shows when it is sent.
type Request struct {
	// Method is GET, POST and so on.
	Method string
	// URL is absolute, http:// or https://.
	URL string
	// Headers are names and values, in order, repeats allowed. The host sets host, content-length and connection headers
	// itself and refuses them here.
	Headers []Header
	// Body is nil for none. It is sent as it is.
	Body []byte
	// Timeout is how long the whole exchange may take; 0 leaves it to the host, whose own limit holds as well. The deadline of
	// the context holds in any case.
	Timeout time.Duration

	flaw error
}

// Header is one line of a head.
type Header struct{ Name, Value string }

// New makes a request without a body.
func New(method, url string) *Request { return &Request{Method: method, URL: url} }

// NewText makes a request with text as its body. The content type is up to you.
func NewText(method, url, text string) *Request {
	return &Request{Method: method, URL: url, Body: []byte(text)}
}

// NewJSON makes a request with a value, written as JSON, as its body, and Content-Type: application/json.
func NewJSON(method, url string, value any) *Request {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false) // It is no HTML; what is in a payload shall stand there as it was published.
	err := encoder.Encode(value)
	request := &Request{Method: method, URL: url, Body: bytes.TrimSuffix(body.Bytes(), []byte("\n"))}
	if err != nil {
		request.flaw = fmt.Errorf("the body cannot be written as JSON: %w", err)
	}
	return request.Header("Content-Type", "application/json")
}

// Header adds a header, and gives the request back.
func (r *Request) Header(name, value string) *Request {
	r.Headers = append(r.Headers, Header{name, value})
	return r
}

// BasicAuth adds Authorization: Basic, and gives the request back.
func (r *Request) BasicAuth(username, password string) *Request {
	return r.Header("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(username+":"+password)))
}

// BearerAuth adds Authorization: Bearer, and gives the request back.
func (r *Request) BearerAuth(token string) *Request {
	return r.Header("Authorization", "Bearer "+token)
}

// String leaves out headers and body: they hold secrets and data.
func (r *Request) String() string { return r.Method + " " + r.URL }

// Send sends a request and waits for the whole response, whatever its status. An error is an *Error.
func Send(ctx context.Context, request *Request) (*Response, error) {
	answer := SendAll(ctx, request)[0]
	return answer.Response, answer.Err
}

// Answer is a response, or why there is none.
type Answer struct {
	Response *Response
	Err      error
}

// CheckStatus gives the error, or that of Response.CheckStatus.
func (a Answer) CheckStatus() error {
	if a.Err != nil {
		return a.Err
	}
	return a.Response.CheckStatus()
}

// SendAll sends requests concurrently and waits for all. The answers stand in the order of the requests.
func SendAll(ctx context.Context, requests ...*Request) []Answer {
	answers := make([]Answer, len(requests))
	var sendable []*Request
	var places []int
	for i, request := range requests {
		if request.flaw != nil {
			answers[i].Err = &Error{Kind: InvalidRequest, Reason: request.flaw.Error()}
			continue
		}
		limited, left := request.within(ctx)
		if !left {
			answers[i].Err = &Error{Kind: Timeout, Reason: "no time is left for it"}
			continue
		}
		sendable, places = append(sendable, limited), append(places, i)
	}
	for i, answer := range send(sendable) {
		answers[places[i]] = answer
	}
	return answers
}

// within is the request with the shorter one of its own timeout and the time that the context leaves, if any.
func (r *Request) within(ctx context.Context) (*Request, bool) {
	if ctx.Err() != nil {
		return nil, false
	}
	limited := *r
	if deadline, has := ctx.Deadline(); has {
		left := time.Until(deadline)
		if left <= 0 {
			return nil, false
		}
		if limited.Timeout <= 0 || left < limited.Timeout {
			limited.Timeout = left
		}
	}
	return &limited, true
}
