package http

import (
	"time"
	"unicode/utf8"
	"unsafe"

	raw "github.com/danube-messaging/danube-wasm/guest-sdk/go/danubesink/internal/bindings/imports/danube_sink_http"
	"github.com/danube-messaging/danube-wasm/guest-sdk/go/danubesink/internal/collector"
	"github.com/danube-messaging/danube-wasm/guest-sdk/go/danubesink/internal/wit/runtime"
	"github.com/danube-messaging/danube-wasm/guest-sdk/go/danubesink/internal/wit/types"
)

type result = types.Result[raw.Response, raw.HttpError]

// send hands requests to the host.
func send(requests []*Request) []Answer {
	lowered := make([]raw.Request, len(requests))
	for i, request := range requests {
		lowered[i] = toContract(request)
	}
	results := collector.Without(func() []result {
		defer runtime.Unpin()
		switch len(lowered) {
		case 0:
			return nil
		case 1:
			return []result{raw.Send(lowered[0])}
		default:
			return raw.SendAll(lowered)
		}
	})
	answers := make([]Answer, len(results))
	for i, result := range results {
		answers[i] = fromContract(result)
	}
	return answers
}

func toContract(request *Request) raw.Request {
	lowered := raw.Request{Method: request.Method, Url: request.URL}
	for _, header := range request.Headers {
		lowered.Headers = append(lowered.Headers, types.Tuple2[string, string]{F0: header.Name, F1: header.Value})
	}
	switch {
	case request.Body == nil:
	case utf8.Valid(request.Body):
		text := unsafe.String(unsafe.SliceData(request.Body), len(request.Body))
		lowered.Body = types.Some(raw.MakeBodyText(text))
	default:
		lowered.Body = types.Some(raw.MakeBodyBinary(request.Body))
	}
	if request.Timeout > 0 {
		milliseconds := min((request.Timeout+time.Millisecond-1)/time.Millisecond, 1<<32-1)
		lowered.TimeoutMs = types.Some(uint32(milliseconds))
	}
	return lowered
}

func fromContract(result result) Answer {
	if result.IsErr() {
		return Answer{Err: errorFromContract(result.Err())}
	}
	lifted := result.Ok()
	response := &Response{Status: int(lifted.Status)}
	for _, header := range lifted.Headers {
		response.Headers = append(response.Headers, Header{header.F0, header.F1})
	}
	switch lifted.Body.Tag() {
	case raw.Body_Text:
		text := lifted.Body.Text()
		response.Body = unsafe.Slice(unsafe.StringData(text), len(text))
	default:
		response.Body = lifted.Body.Binary()
	}
	return Answer{Response: response}
}

func errorFromContract(err raw.HttpError) *Error {
	switch err.Tag() {
	case raw.HttpError_Denied:
		return &Error{Denied, err.Denied()}
	case raw.HttpError_InvalidRequest:
		return &Error{InvalidRequest, err.InvalidRequest()}
	case raw.HttpError_RequestTooLarge:
		return &Error{RequestTooLarge, err.RequestTooLarge()}
	case raw.HttpError_Connect:
		return &Error{Connect, err.Connect()}
	case raw.HttpError_Tls:
		return &Error{TLS, err.Tls()}
	case raw.HttpError_Timeout:
		return &Error{Timeout, err.Timeout()}
	case raw.HttpError_TooLarge:
		return &Error{TooLarge, err.TooLarge()}
	default:
		return &Error{Protocol, err.Protocol()}
	}
}
