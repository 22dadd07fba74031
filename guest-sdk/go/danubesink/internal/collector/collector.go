// Package collector keeps Go's garbage collector from beginning where it may not.
//
// A collection reads the clock. Where the host allocates memory for what it passes in, nothing may be called out to, and the
// instance would be lost. So none may begin there: the collector is off except while a sink works, and while a sink waits for
// the host.
package collector

import (
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
)

func init() { debug.SetGCPercent(off) }

// While runs a sink with the collector on, and leaves little garbage behind.
func While(work func()) {
	debug.SetGCPercent(growth)
	defer func() {
		debug.SetGCPercent(off) // Waits for a collection under way.
		var memory runtime.MemStats
		runtime.ReadMemStats(&memory)
		if memory.HeapAlloc > collectAbove {
			runtime.GC()
		}
	}()
	work()
}

// Without calls the host with the collector off.
func Without[T any](call func() T) T {
	before := debug.SetGCPercent(off)
	defer debug.SetGCPercent(before)
	return call()
}
