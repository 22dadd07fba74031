package danubesink

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// RetryableError says that it may work later: the target is down, busy, or asks to slow down. The host tries again, and
// loses nothing. Find it with errors.As.
type RetryableError struct {
	// After is how long the host should wait at least. With 0 it backs off exponentially.
	After time.Duration
	cause error
}

// RejectedError says that the data is bad, and that no number of tries will change that. The host dead-letters it, skips
// it or stops, as the connector's file says.
type RejectedError struct{ cause error }

// FatalError says that nothing will work until a person changes something: wrong credentials, a missing table, a setting
// that makes no sense. The host stops the connector and shows the reason. Nothing is acknowledged.
type FatalError struct{ cause error }

// Retryable makes a *RetryableError with the arguments of fmt.Errorf. The text goes into the host's log, the connector's
// status and, for a record that ends there, its dead letter: put no secret and no payload into it.
func Retryable(format string, args ...any) error {
	return &RetryableError{cause: fmt.Errorf(format, args...)}
}

// RetryableAfter is like Retryable, and asks for a pause of at least after before the next try.
func RetryableAfter(after time.Duration, format string, args ...any) error {
	return &RetryableError{After: after, cause: fmt.Errorf(format, args...)}
}

// Rejected makes a *RejectedError with the arguments of fmt.Errorf.
func Rejected(format string, args ...any) error {
	return &RejectedError{cause: fmt.Errorf(format, args...)}
}

// Fatal makes a *FatalError with the arguments of fmt.Errorf.
func Fatal(format string, args ...any) error {
	return &FatalError{cause: fmt.Errorf(format, args...)}
}

func (e *RetryableError) Error() string { return e.cause.Error() }
func (e *RetryableError) Unwrap() error { return e.cause }
func (e *RejectedError) Error() string  { return e.cause.Error() }
func (e *RejectedError) Unwrap() error  { return e.cause }
func (e *FatalError) Error() string     { return e.cause.Error() }
func (e *FatalError) Unwrap() error     { return e.cause }

type errorKind int

const (
	unexpectedError errorKind = iota
	retryableError
	rejectedError
	fatalError
)

// kindOf sorts an error by the outermost of the three kinds in its chain. A deadline that has passed is retryable; an error that
// is none of them is unexpected.
func kindOf(err error) (errorKind, time.Duration) {
	var retryable *RetryableError
	var rejected *RejectedError
	var fatal *FatalError
	late := errors.Is(err, context.DeadlineExceeded)
	for ; err != nil; err = errors.Unwrap(err) {
		switch {
		case asSelf(err, &retryable):
			return retryableError, retryable.After
		case asSelf(err, &rejected):
			return rejectedError, 0
		case asSelf(err, &fatal):
			return fatalError, 0
		}
		if _, joined := err.(interface{ Unwrap() []error }); joined {
			return kindOfJoined(err)
		}
	}
	if late {
		return retryableError, 0
	}
	return unexpectedError, 0
}

// asSelf looks at one error and not at those that it wraps.
func asSelf[E error](err error, target *E) bool {
	found, ok := err.(E)
	if ok {
		*target = found
	}
	return ok
}

// kindOfJoined takes the worst of several: fatal before retryable before rejected, so that nothing is lost.
func kindOfJoined(err error) (errorKind, time.Duration) {
	var fatal *FatalError
	var retryable *RetryableError
	var rejected *RejectedError
	switch {
	case errors.As(err, &fatal):
		return fatalError, 0
	case errors.As(err, &retryable):
		return retryableError, retryable.After
	case errors.As(err, &rejected):
		return rejectedError, 0
	case errors.Is(err, context.DeadlineExceeded):
		return retryableError, 0
	}
	return unexpectedError, 0
}
