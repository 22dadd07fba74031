package http

import (
	"github.com/danube-messaging/danube-wasm/guest-sdk/go/danubesink"
)

// ErrorKind says why there is no response.
type ErrorKind int

const (
	// Denied: the connector's file does not grant it; the host's log says which line would. Fatal.
	Denied ErrorKind = iota
	// InvalidRequest: the request itself is malformed. Fatal.
	InvalidRequest
	// RequestTooLarge: the body is larger than the host accepts; fewer records in a request may help. Rejected.
	RequestTooLarge
	// Connect: the name could not be resolved, or the connection could not be made or broke. Retryable.
	Connect
	// TLS: no TLS session could be established. Retryable.
	TLS
	// Timeout: no complete response in time; the target may or may not have acted on the request. Retryable.
	Timeout
	// TooLarge: the response is larger than the host accepts, or those to one call are together larger than the instance's
	// memory limit. Rejected.
	TooLarge
	// Protocol: the peer does not speak HTTP as it should, or broke off in the middle of its response. Retryable.
	Protocol
)

// Error says why there is no response. Returned from a sink it has the host do the right thing: errors.As finds a
// *danubesink.RetryableError, RejectedError or FatalError in it.
type Error struct {
	Kind   ErrorKind
	Reason string
}

func (e *Error) Error() string {
	switch e.Kind {
	case InvalidRequest:
		return "invalid request: " + e.Reason
	case RequestTooLarge:
		return "request too large: " + e.Reason
	case Connect:
		return "cannot connect: " + e.Reason
	case TLS:
		return "no TLS session: " + e.Reason
	case Timeout:
		return "timed out: " + e.Reason
	case TooLarge:
		return "response too large: " + e.Reason
	case Protocol:
		return "broken response: " + e.Reason
	default:
		return e.Reason
	}
}

// Unwrap gives the error of danubesink that says what the host should do.
func (e *Error) Unwrap() error {
	switch e.Kind {
	case Denied, InvalidRequest:
		return danubesink.Fatal("%s", e.Error())
	case RequestTooLarge, TooLarge:
		return danubesink.Rejected("%s", e.Error())
	default:
		return danubesink.Retryable("%s", e.Error())
	}
}
