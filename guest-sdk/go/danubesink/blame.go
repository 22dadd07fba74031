package danubesink

import (
	"errors"
	"fmt"
	"time"
)

// blame finds the records of a batch at which its sink fails unexpectedly, so that one bad record costs one record: the sink is
// called again with halves, in order, until those that fail stand alone.
type blame struct {
	ctx      *callContext
	batch    *Batch
	sink     BatchProcessor
	half     time.Time // No more halving after this.
	outcomes Outcomes
	// Groups in which a record asks for another try: what stands behind it must wait.
	held map[group]Failure
}

// blamed gives a batch to a sink.
func blamed(ctx *callContext, batch *Batch, sink BatchProcessor) (Outcomes, error) {
	b := blame{ctx: ctx, batch: batch, sink: sink, held: make(map[group]Failure)}
	b.half = time.Now().Add(batch.TimeLimit / 2)
	outcomes, err := b.call(batch)
	unexpected, cause := isUnexpected(err)
	if !unexpected {
		return outcomes, err
	}
	if len(batch.Records) == 1 {
		return Outcomes{}, settled(cause, retryableError)
	}
	all := make([]int, len(batch.Records))
	for index := range all {
		all[index] = index
	}
	if err := b.split(all, cause); err != nil {
		return Outcomes{}, err
	}
	for index := range batch.Records {
		if failure, failed := b.outcomes.Failure(index); !failed || failure.Rejected {
			return b.outcomes, nil
		}
	}
	first, _ := b.outcomes.Failure(0) // Nothing works.
	return Outcomes{}, RetryableAfter(first.After, "%s", first.Reason)
}

func (b *blame) call(batch *Batch) (outcomes Outcomes, err error) {
	err = guarded(func() (err error) {
		outcomes, err = b.sink.ProcessBatch(b.ctx, batch)
		return err
	})
	if err == nil {
		err = checked(batch, outcomes)
	}
	return outcomes, err
}

// split goes on with the halves of what failed as a whole.
func (b *blame) split(indices []int, cause error) error {
	if len(indices) == 1 {
		failed := settled(cause, retryableError)
		b.retry(indices[0], Failure{Reason: failed.Error()})
		return nil
	}
	if time.Now().After(b.half) {
		reason := fmt.Sprintf("no time left to find the record to blame: %v", settled(cause, retryableError))
		for _, index := range indices {
			b.retry(index, Failure{Reason: reason})
		}
		return nil
	}
	middle := len(indices) / 2
	for _, half := range [][]int{indices[:middle], indices[middle:]} {
		if err := b.process(half); err != nil {
			return err
		}
	}
	return nil
}

// process gives some records to the sink, without those that must wait.
func (b *blame) process(indices []int) error {
	part := *b.batch
	part.Records = nil
	var open []int
	for _, index := range indices {
		record := b.batch.Records[index]
		if group, ordered := b.batch.group(record); ordered {
			if failure, held := b.held[group]; held {
				b.outcomes.set(index, failure)
				continue
			}
		}
		open = append(open, index)
		part.Records = append(part.Records, record)
	}
	if len(open) == 0 {
		return nil
	}
	outcomes, err := b.call(&part)
	if unexpected, cause := isUnexpected(err); unexpected {
		return b.split(open, cause)
	}
	switch kind, after := kindOf(err); {
	case err == nil:
		for _, at := range outcomes.Failed() {
			failure, _ := outcomes.Failure(at)
			if failure.Rejected {
				b.outcomes.set(open[at], failure)
			} else {
				b.retry(open[at], failure)
			}
		}
	case kind == retryableError:
		for _, index := range open {
			b.retry(index, Failure{Reason: err.Error(), After: after})
		}
	case kind == rejectedError:
		for _, index := range open {
			b.outcomes.Reject(index, err.Error())
		}
	default:
		return err
	}
	return nil
}

// retry asks for another try of a record and has those behind it in its group wait.
func (b *blame) retry(index int, failure Failure) {
	b.outcomes.set(index, failure)
	record := b.batch.Records[index]
	if group, ordered := b.batch.group(record); ordered {
		if _, held := b.held[group]; !held {
			failure.Reason = fmt.Sprintf("held back behind %s: %s", record.ID(), failure.Reason)
			b.held[group] = failure
		}
	}
}

// isUnexpected says whether an error is none of those that a sink means to return.
func isUnexpected(err error) (bool, error) {
	if err == nil {
		return false, nil
	}
	var panic *panicked
	if errors.As(err, &panic) {
		return true, err
	}
	kind, _ := kindOf(err)
	return kind == unexpectedError, err
}
