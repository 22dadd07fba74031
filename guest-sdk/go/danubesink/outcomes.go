package danubesink

import (
	"sort"
	"time"
)

// Failure says why one record of a batch was not written.
type Failure struct {
	// Rejected: the record is bad. Otherwise it may work later, and the host gives it again.
	Rejected bool
	// Reason is for people. A dead letter carries it.
	Reason string
	// After is how long to wait at least before the next try; 0 leaves that to the host.
	After time.Duration
}

// Outcomes say what became of each record of a batch: written, unless it is named here as failed. The zero value says that
// every record is safe in the target.
type Outcomes struct {
	failures map[int]Failure
}

// Set says what became of the record at index of the batch: nil for written, an error as Sink documents them otherwise. What
// was said of the record before is replaced. An error that is neither retryable nor rejected comes back, since it ends the
// whole call: return it.
func (o *Outcomes) Set(index int, err error) error {
	if err == nil {
		delete(o.failures, index)
		return nil
	}
	switch kind, after := kindOf(err); kind {
	case retryableError:
		o.set(index, Failure{Reason: err.Error(), After: after})
	case rejectedError:
		o.set(index, Failure{Rejected: true, Reason: err.Error()})
	default:
		return err
	}
	return nil
}

// Retry asks for the record at index to be given again. With after 0 the host decides when.
func (o *Outcomes) Retry(index int, reason string, after time.Duration) {
	o.set(index, Failure{Reason: reason, After: after})
}

// Reject says that the record at index is bad.
func (o *Outcomes) Reject(index int, reason string) {
	o.set(index, Failure{Rejected: true, Reason: reason})
}

// Failure says why the record at index was not written, if it was not.
func (o *Outcomes) Failure(index int) (Failure, bool) {
	failure, failed := o.failures[index]
	return failure, failed
}

// Failed gives the positions of the records that were not written, rising.
func (o *Outcomes) Failed() []int {
	indices := make([]int, 0, len(o.failures))
	for index := range o.failures {
		indices = append(indices, index)
	}
	sort.Ints(indices)
	return indices
}

func (o *Outcomes) set(index int, failure Failure) {
	if o.failures == nil {
		o.failures = make(map[int]Failure)
	}
	o.failures[index] = failure
}

// merge takes over what was said of a part of the batch that begins at first.
func (o *Outcomes) merge(part Outcomes, first int) {
	for index, failure := range part.failures {
		o.set(first+index, failure)
	}
}
