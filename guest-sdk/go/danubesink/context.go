package danubesink

import (
	"context"
	"sync"
	"time"
)

// callContext is the context of one call of the host. Its deadline is the batch's time limit. It needs a timer only where
// somebody waits for it, since the one thread of an instance has little time to serve timers.
type callContext struct {
	deadline time.Time
	once     sync.Once
	done     chan struct{}
	timer    *time.Timer
}

func (c *callContext) Deadline() (time.Time, bool) { return c.deadline, true }

func (c *callContext) Done() <-chan struct{} {
	c.once.Do(func() {
		c.done = make(chan struct{})
		c.timer = time.AfterFunc(time.Until(c.deadline), func() { close(c.done) })
	})
	return c.done
}

func (c *callContext) Err() error {
	if time.Now().Before(c.deadline) {
		return nil
	}
	return context.DeadlineExceeded
}

func (c *callContext) Value(any) any { return nil }

// end stops the timer: nobody serves it between calls.
func (c *callContext) end() {
	if c.timer != nil {
		c.timer.Stop()
	}
}
