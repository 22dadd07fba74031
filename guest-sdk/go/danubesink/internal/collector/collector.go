// Package collector keeps Go's garbage collector from beginning where it may not.
//
// A collection reads the clock. Where the host allocates memory for what it passes in, nothing may be called out to, and the
// instance would be lost. So none may begin there: the collector is off except while a sink works, and off again while a sink
// waits for the host.
//
// A heap that grows reads the clock as well, when it gives memory back because it is larger than it was meant to be. What it is
// meant to be is what the last collection left, times the goal of now over the goal of then. With the collector off the goal is
// the memory limit: lifting that makes it endless, as long as the goal of then was not.
package collector

import (
	"math"
	"runtime"
	"runtime/debug"
)

const (
	off = -1
	// While a sink works, a collection begins when the heap has grown by so many percent since the last one.
	growth = 100
	// The heap, live and not, above which it is collected before a call ends, so that a limit of 64 MiB leaves most of it to
	// the next batch.
	collectAbove = 16 << 20
	// A memory limit that no instance comes near, and none.
	allThereIs, endless = 4 << 30, math.MaxInt64
)

func init() { turnOff() }

func turnOff() (before int) {
	before = debug.SetGCPercent(off) // Waits for a collection under way.
	debug.SetMemoryLimit(endless)
	return before
}

func turnOn(percent int) {
	debug.SetMemoryLimit(allThereIs)
	debug.SetGCPercent(percent)
}

// While runs a sink with the collector on, and leaves little garbage behind.
func While(work func()) {
	turnOn(growth)
	defer func() {
		var memory runtime.MemStats
		runtime.ReadMemStats(&memory)
		if memory.HeapAlloc > collectAbove {
			runtime.GC()
		}
		turnOff()
	}()
	work()
}

// Without calls the host with the collector off.
func Without[T any](call func() T) T {
	before := turnOff()
	defer turnOn(before)
	return call()
}
