// Package runtime gives memory to the host for what it passes in, and to the bindings for what they pass out.
//
// The host asks for memory in the middle of a call of its own, in which the component may not call out. The garbage
// collector reads the clock, which is a call out: a collection that began there would end the instance. So none may begin
// while the host allocates; danubesink switches the collector off for that time.
package runtime

import (
	"runtime"
	"unsafe"
)

const (
	// How much is taken from Go's heap at a time. Five allocations for each record would cost more than the record. It is
	// not larger, because a string that a sink keeps keeps the whole piece that it lies in.
	pieceSize = 16 << 10
	// What is larger than this gets memory of its own.
	largeSize = pieceSize / 4
)

var (
	// What the adapter for WASI preview 1 allocates before Go's heap is there: its state and its stack, a page each.
	early     [256 << 10]byte
	earlyUsed uintptr
	started   bool

	// The piece in use, and how much of it is.
	piece     []byte
	pieceUsed uintptr
	// What the host was given since the last Unpin and the bindings have not taken over yet.
	held []unsafe.Pointer
)

func init() { started = true }

//go:wasmexport cabi_realloc
func cabiRealloc(oldPointer unsafe.Pointer, oldSize, align, newSize uintptr) unsafe.Pointer {
	if oldPointer != nil || oldSize != 0 {
		panic("the host resizes what it has allocated") // Only for other encodings of strings than UTF-8.
	}
	if !started {
		return allocateEarly(align, newSize)
	}
	if newSize > largeSize {
		large := allocate(newSize)
		held = append(held, large)
		return large
	}
	start := (pieceUsed + align - 1) &^ (align - 1)
	if piece == nil || start+newSize > pieceSize {
		piece, start = unsafe.Slice((*byte)(allocate(pieceSize)), pieceSize), 0
		held = append(held, unsafe.Pointer(unsafe.SliceData(piece)))
	}
	pieceUsed = start + newSize
	return unsafe.Add(unsafe.Pointer(unsafe.SliceData(piece)), start)
}

func allocateEarly(align, size uintptr) unsafe.Pointer {
	base := uintptr(unsafe.Pointer(&early))
	start := (base+earlyUsed+align-1)&^(align-1) - base
	if start+size > uintptr(len(early)) {
		panic("too much memory is asked for before the start")
	}
	earlyUsed = start + size
	return unsafe.Pointer(&early[start])
}

// allocate gives memory without pointers, aligned for anything.
func allocate(size uintptr) unsafe.Pointer {
	return unsafe.Pointer(unsafe.SliceData(make([]uint64, (size+7)/8)))
}

// Unpin is called when the bindings have made Go values of what the host has passed in: these keep it alive from now on.
func Unpin() {
	clear(held)
	held, piece, pieceUsed = held[:0], nil, 0
}

// Allocate gives memory for what goes to the host, which is there until the pinner is unpinned.
func Allocate(pinner *runtime.Pinner, size, _ uintptr) unsafe.Pointer {
	if size == 0 {
		return nil
	}
	pointer := allocate(size)
	pinner.Pin(pointer)
	return pointer
}
