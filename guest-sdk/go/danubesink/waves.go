package danubesink

import (
	"container/heap"
	"fmt"
	"slices"
	"time"
)

// Waves are a batch in sets of records that may be written at the same time: all of them where the order does not count, else
// one of each group, then the next of each, with nothing behind a record that has to be tried again. Batch.Waves makes them.
//
//	waves := batch.Waves()
//	for wave := waves.Next(8); wave != nil; wave = waves.Next(8) {
//		answers := http.SendAll(ctx, requestsFor(wave))
//		for i, each := range wave {
//			if err := waves.Set(each.Index, answers[i].CheckStatus()); err != nil {
//				return danubesink.Outcomes{}, err
//			}
//		}
//	}
//	return waves.Outcomes(), nil
type Waves struct {
	batch *Batch
	// For each record, the next one of its group, or -1.
	next []int
	// Records that may be written now.
	ready indices
	// Records that were given out and of which nothing was said so far.
	given    map[int]struct{}
	outcomes Outcomes
}

// Indexed is a record with its position in the batch.
type Indexed struct {
	Index  int
	Record *Record
}

// Waves begins a walk through the batch.
func (b *Batch) Waves() *Waves {
	w := &Waves{batch: b, next: make([]int, len(b.Records)), given: make(map[int]struct{})}
	lastOf := make(map[group]int)
	for index, record := range b.Records {
		w.next[index] = -1
		group, ordered := b.group(record)
		last, found := lastOf[group]
		switch {
		case !ordered:
			w.ready = append(w.ready, index)
		case found:
			w.next[last] = index
			lastOf[group] = index
		default:
			w.ready = append(w.ready, index)
			lastOf[group] = index
		}
	}
	return w // Rising numbers are a heap.
}

// Next gives the next records: at least one and at most limit (below 1 counts as 1), the foremost that may be written now.
// Set says what became of each. Nil: no more may be written in this call. Records of which nothing was said yet hold up those
// behind them, not other groups.
func (w *Waves) Next(limit int) []Indexed {
	var wave []Indexed
	for len(wave) < max(limit, 1) {
		index, record, ok := w.nextOne()
		if !ok {
			break
		}
		wave = append(wave, Indexed{index, record})
	}
	return wave
}

func (w *Waves) nextOne() (int, *Record, bool) {
	if len(w.ready) == 0 {
		return 0, nil, false
	}
	index := heap.Pop(&w.ready).(int)
	w.given[index] = struct{}{}
	return index, w.batch.Records[index], true
}

// Set says what became of a record of a wave. After a retryable error no more of its group are given: they are to be retried
// as well. An error that is neither retryable nor rejected comes back, since it ends the whole call: return it. So does the
// mistake of a sink that speaks of a record which it was not given, or of the same one twice.
func (w *Waves) Set(index int, err error) error {
	if _, given := w.given[index]; !given {
		return Fatal("a bug in the sink: it gave an outcome for record %d out of turn", index)
	}
	delete(w.given, index)
	if err := w.outcomes.Set(index, err); err != nil {
		return err
	}
	next := w.next[index]
	if failure, failed := w.outcomes.Failure(index); failed && !failure.Rejected {
		heldBack := fmt.Sprintf("held back behind %s: %s", w.batch.Records[index].ID(), failure.Reason)
		w.retryGroup(next, heldBack, failure.After)
	} else if next >= 0 {
		heap.Push(&w.ready, next)
	}
	return nil
}

// RetryRest ends the walk early: every record of which nothing was said is to be retried. With after 0 the host decides when.
func (w *Waves) RetryRest(reason string, after time.Duration) Outcomes {
	open := slices.Clone(w.ready)
	for index := range w.given {
		open = append(open, index)
	}
	for _, first := range open {
		w.retryGroup(first, reason, after)
	}
	return w.outcomes
}

// Outcomes say what became of all records. Those of which nothing was said, if the walk is not over, are to be retried.
func (w *Waves) Outcomes() Outcomes { return w.RetryRest("not written in this call", 0) }

// retryGroup asks for a record and those behind it in its group.
func (w *Waves) retryGroup(first int, reason string, after time.Duration) {
	for index := first; index >= 0; index = w.next[index] {
		w.outcomes.Retry(index, reason, after)
	}
}

// indices are a heap: the smallest comes first.
type indices []int

func (h indices) Len() int           { return len(h) }
func (h indices) Less(i, j int) bool { return h[i] < h[j] }
func (h indices) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *indices) Push(index any)    { *h = append(*h, index.(int)) }
func (h *indices) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
