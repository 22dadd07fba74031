// Package types has the generic types that the generated bindings use: what they need of the generator's own support
// library, which no module proxy is needed for.
package types

const (
	OptionNone = 0
	OptionSome = 1
	ResultOk   = 0
	ResultErr  = 1
)

// Option is a value, or none.
type Option[T any] struct {
	some  bool
	value T
}

func None[T any]() Option[T]        { return Option[T]{} }
func Some[T any](value T) Option[T] { return Option[T]{some: true, value: value} }
func (o Option[T]) Some() T         { return o.value }
func (o Option[T]) IsSome() bool    { return o.some }

func (o Option[T]) Tag() uint8 {
	if o.some {
		return OptionSome
	}
	return OptionNone
}

// Result is a value, or an error.
type Result[T, E any] struct {
	failed bool
	ok     T
	err    E
}

func Ok[T, E any](value T) Result[T, E] { return Result[T, E]{ok: value} }
func Err[T, E any](err E) Result[T, E]  { return Result[T, E]{failed: true, err: err} }
func (r Result[T, E]) Ok() T            { return r.ok }
func (r Result[T, E]) Err() E           { return r.err }
func (r Result[T, E]) IsErr() bool      { return r.failed }

func (r Result[T, E]) Tag() uint8 {
	if r.failed {
		return ResultErr
	}
	return ResultOk
}

// Tuple2 is a pair.
type Tuple2[T, U any] struct {
	F0 T
	F1 U
}

// Unit is nothing.
type Unit struct{}
