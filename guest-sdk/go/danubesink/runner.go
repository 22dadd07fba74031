package danubesink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"time"
)

// runner is a registered sink. The exports and the tests of a sink both drive it through this, so that they agree.
type runner struct {
	sink       any
	initialize func(context.Context, Instance) error
	instance   Instance
}

var errUninitialized = Fatal("no sink is registered: call danubesink.Register in an init function of package main")

func (r *runner) start(instance Instance) error {
	if r == nil {
		return errUninitialized
	}
	_, one := r.sink.(Processor)
	_, many := r.sink.(BatchProcessor)
	if !one && !many {
		return Fatal("%T has neither `Process(context.Context, *Record) error` nor `ProcessBatch(context.Context, *Batch) (Outcomes, error)`", r.sink)
	}
	r.instance = instance
	return settled(guarded(func() error { return r.initialize(context.Background(), instance) }), fatalError)
}

func (r *runner) consumerConfigs() (configs []ConsumerConfig, err error) {
	if r == nil {
		return nil, errUninitialized
	}
	err = guarded(func() (err error) {
		if own, ok := r.sink.(ConsumerConfigurer); ok {
			configs, err = own.ConsumerConfigs(context.Background())
		} else {
			configs, err = r.instance.ConsumerConfigs()
		}
		return err
	})
	return configs, settled(err, fatalError)
}

func (r *runner) healthCheck() error {
	own, ok := r.own().(HealthChecker)
	if !ok {
		return nil
	}
	return settled(guarded(func() error { return own.HealthCheck(context.Background()) }), retryableError)
}

func (r *runner) shutdown() error {
	own, ok := r.own().(Shutdowner)
	if !ok {
		return nil
	}
	return settled(guarded(func() error { return own.Shutdown(context.Background()) }), retryableError)
}

func (r *runner) own() any {
	if r == nil {
		return nil
	}
	return r.sink
}

// process gives a batch to the sink and checks that what it says of it can be understood.
func (r *runner) process(batch *Batch) (Outcomes, error) {
	if r == nil {
		return Outcomes{}, errUninitialized
	}
	ctx := &callContext{deadline: time.Now().Add(batch.TimeLimit)}
	defer ctx.end()
	if own, ok := r.sink.(BatchProcessor); ok {
		return blamed(ctx, batch, own)
	}
	own := r.sink.(Processor)
	return batch.ProcessEach(func(record *Record) error {
		return settled(guarded(func() error { return own.Process(ctx, record) }), retryableError)
	})
}

// checked refuses outcomes of records that are not there: the host would take none of the answer.
func checked(batch *Batch, outcomes Outcomes) error {
	for index := range outcomes.failures {
		if index < 0 || index >= len(batch.Records) {
			return Fatal("a bug in the sink: it gave an outcome for record %d of a batch of %d", index, len(batch.Records))
		}
	}
	return nil
}

// panicked is what a panic becomes. Its stack is in the log already.
type panicked struct{ value any }

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }

func (p *panicked) Unwrap() error {
	err, _ := p.value.(error)
	return err
}

// guarded calls into the sink and makes an error of a panic.
func guarded(call func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &panicked{value}
			slog.Error(fmt.Sprintf("%v%s", err, stack()))
		}
	}()
	return call()
}

// stack is where a panic came from: the frames of the sink, without those of the runtime above it and of this package below it.
func stack() string {
	var callers [32]uintptr
	frames := runtime.CallersFrames(callers[:runtime.Callers(3, callers[:])])
	var text strings.Builder
	for {
		frame, more := frames.Next()
		if strings.HasPrefix(frame.Function, thisPackage+".") {
			return text.String()
		}
		if !strings.HasPrefix(frame.Function, "runtime.") {
			fmt.Fprintf(&text, "\n  at %s (%s:%d)", frame.Function, frame.File, frame.Line)
		}
		if !more {
			return text.String()
		}
	}
}

const thisPackage = "github.com/danube-messaging/danube-wasm/guest-sdk/go/danubesink"

// settled makes what is unexpected retryable or fatal, and leaves the three kinds as they are.
func settled(err error, unexpected errorKind) error {
	if err == nil {
		return nil
	}
	kind, _ := kindOf(err)
	var panic *panicked
	switch {
	case errors.As(err, &panic):
	case kind != unexpectedError:
		return err
	default:
		slog.Error("unexpected error: " + err.Error())
	}
	if unexpected == fatalError {
		return &FatalError{err}
	}
	return &RetryableError{cause: err}
}
