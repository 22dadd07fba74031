package danubesink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
	os.Exit(m.Run())
}

func TestErrorsAreSortedByTheOutermostKind(t *testing.T) {
	cause := errors.New("broken pipe")
	wrapped := fmt.Errorf("writing order 7: %w", RetryableAfter(time.Second, "busy: %w", cause))
	var retryable *RetryableError
	if !errors.As(wrapped, &retryable) || retryable.After != time.Second || !errors.Is(wrapped, cause) {
		t.Errorf("%v", wrapped)
	}
	for _, c := range []struct {
		err   error
		kind  errorKind
		after time.Duration
	}{
		{wrapped, retryableError, time.Second},
		{Rejected("bad: %w", wrapped), rejectedError, 0},
		{fmt.Errorf("x: %w", Fatal("no table")), fatalError, 0},
		{errors.Join(Rejected("a"), Retryable("b")), retryableError, 0},
		{errors.Join(Retryable("b"), fmt.Errorf("c: %w", Fatal("d"))), fatalError, 0},
		{fmt.Errorf("waiting: %w", context.DeadlineExceeded), retryableError, 0},
		{cause, unexpectedError, 0},
	} {
		if kind, after := kindOf(c.err); kind != c.kind || after != c.after {
			t.Errorf("%v: %v %v", c.err, kind, after)
		}
	}
}

// A batch of records with these keys, and with text that says their place.
func keyed(order Order, keys string) *Batch {
	batch := &Batch{Topic: "/default/orders", Attempt: 1, Order: order, TimeLimit: time.Minute}
	for i, key := range strings.Split(keys, "") {
		batch.Records = append(batch.Records, &Record{Topic: batch.Topic, Offset: uint64(i), RoutingKey: &key, payload: fmt.Sprint(i)})
	}
	return batch
}

func TestWavesKeepTheOrderOfEachGroup(t *testing.T) {
	for _, c := range []struct {
		order    Order
		expected string
	}{{AnyOrder, "[0 1 2][3 4]"}, {ByKey, "[0 1 3][2 4]"}, {Strict, "[0][1][2][3][4]"}} {
		waves := keyed(c.order, "abacb").Waves()
		var got string
		for wave := waves.Next(3); wave != nil; wave = waves.Next(3) {
			var indices []int
			for _, each := range wave {
				indices = append(indices, each.Index)
				if err := waves.Set(each.Index, nil); err != nil {
					t.Fatal(err)
				}
			}
			got += fmt.Sprint(indices)
		}
		if got != c.expected || len(waves.outcomes.Failed()) > 0 {
			t.Errorf("%v: %s", c.order, got)
		}
	}
}

func TestNothingIsWrittenBehindARetry(t *testing.T) {
	var written []uint64
	outcomes, err := keyed(ByKey, "abaab").ProcessEach(func(record *Record) error {
		switch record.Offset {
		case 0:
			return RetryableAfter(time.Second, "busy")
		case 1:
			return Rejected("bad")
		}
		written = append(written, record.Offset)
		return nil
	})
	behind := Failure{Reason: "held back behind /default/orders@0: busy", After: time.Second}
	expected := map[int]Failure{0: {Reason: "busy", After: time.Second}, 1: {Rejected: true, Reason: "bad"}, 2: behind, 3: behind}
	if err != nil || !reflect.DeepEqual(outcomes.failures, expected) || !reflect.DeepEqual(written, []uint64{4}) {
		t.Errorf("%v %v %v", err, outcomes, written)
	}
}

func TestAnOutcomeOutOfTurnIsTheSinksMistake(t *testing.T) {
	waves := keyed(Strict, "ab").Waves()
	var fatal *FatalError
	if err := waves.Set(0, nil); !errors.As(err, &fatal) {
		t.Error(err)
	}
	if rest := waves.RetryRest("no time", 0); len(rest.Failed()) != 2 {
		t.Error(rest)
	}
}

// testSink says of a batch what its function says.
type testSink struct {
	batch func(*Batch) (Outcomes, error)
}

func (s *testSink) ProcessBatch(_ context.Context, batch *Batch) (Outcomes, error) {
	return s.batch(batch)
}

func process(batch *Batch, sink func(*Batch) (Outcomes, error)) (Outcomes, error) {
	return (&runner{sink: &testSink{sink}}).process(batch)
}

// crashesAt panics at some records, and takes note of those that it writes.
func crashesAt(written *[]uint64, offsets ...uint64) func(*Batch) (Outcomes, error) {
	return func(batch *Batch) (Outcomes, error) {
		for _, record := range batch.Records {
			for _, offset := range offsets {
				if record.Offset == offset {
					panic(fmt.Sprintf("at %d", offset))
				}
			}
		}
		for _, record := range batch.Records {
			*written = append(*written, record.Offset)
		}
		return Outcomes{}, nil
	}
}

func TestOneBadRecordCostsOneRecord(t *testing.T) {
	var written []uint64
	outcomes, err := process(keyed(AnyOrder, "abcdefgh"), crashesAt(&written, 5))
	expected := map[int]Failure{5: {Reason: "panic: at 5"}}
	if err != nil || !reflect.DeepEqual(outcomes.failures, expected) || !reflect.DeepEqual(written, []uint64{0, 1, 2, 3, 4, 6, 7}) {
		t.Errorf("%v %v %v", err, outcomes, written)
	}
}

func TestWhatBelongsBehindABadRecordWaits(t *testing.T) {
	var written []uint64
	outcomes, err := process(keyed(ByKey, "ababa"), crashesAt(&written, 0))
	behind := Failure{Reason: "held back behind /default/orders@0: panic: at 0"}
	expected := map[int]Failure{0: {Reason: "panic: at 0"}, 2: behind, 4: behind}
	if err != nil || !reflect.DeepEqual(outcomes.failures, expected) || !reflect.DeepEqual(written, []uint64{1, 3}) {
		t.Errorf("%v %v %v", err, outcomes, written)
	}
}

func TestWhereNothingWorksTheBatchIsRetried(t *testing.T) {
	calls := 0
	_, err := process(keyed(AnyOrder, "abc"), func(*Batch) (Outcomes, error) {
		calls++
		return Outcomes{}, errors.New("no such thing")
	})
	if kind, _ := kindOf(err); kind != retryableError || err.Error() != "no such thing" || calls != 5 {
		t.Errorf("%v after %d calls", err, calls)
	}
}

func TestHalvingEndsWithHalfOfTheTime(t *testing.T) {
	batch := keyed(AnyOrder, "abcd")
	batch.TimeLimit = 0
	calls := 0
	_, err := process(batch, func(*Batch) (Outcomes, error) {
		calls++
		panic("slow")
	})
	if kind, _ := kindOf(err); kind != retryableError || err.Error() != "no time left to find the record to blame: panic: slow" || calls != 1 {
		t.Errorf("%v after %d calls", err, calls)
	}
}

func TestWhatASinkMeansToSayIsLeftAsItIs(t *testing.T) {
	for _, meant := range []error{Retryable("busy"), Rejected("bad"), Fatal("no table"), nil} {
		calls := 0
		_, err := process(keyed(AnyOrder, "ab"), func(*Batch) (Outcomes, error) {
			calls++
			return Outcomes{}, meant
		})
		if err != meant || calls != 1 {
			t.Errorf("%v became %v", meant, err)
		}
	}
}

func TestAnOutcomeOfNoRecordIsFatal(t *testing.T) {
	_, err := process(keyed(AnyOrder, "ab"), func(*Batch) (outcomes Outcomes, _ error) {
		outcomes.Reject(2, "bad")
		return outcomes, nil
	})
	if message(err) != "a bug in the sink: it gave an outcome for record 2 of a batch of 2" {
		t.Error(err)
	}
}

// panics at everything.
type panics struct{}

func (panics) Initialize(context.Context, struct{}, Instance) error { panic("at the start") }
func (panics) Process(_ context.Context, record *Record) error {
	if record.Offset == 1 {
		panic("told to crash")
	}
	return nil
}
func (panics) HealthCheck(context.Context) error                         { panic("ill") }
func (panics) ConsumerConfigs(context.Context) ([]ConsumerConfig, error) { panic("no topics") }

func TestPanicsBecomeErrors(t *testing.T) {
	Register(panics{})
	sink := registered
	_, configs := sink.consumerConfigs()
	for _, c := range []struct {
		err  error
		kind errorKind
		text string
	}{
		{sink.start(Instance{settings: `{"topic_mappings":[]}`}), fatalError, "panic: at the start"},
		{configs, fatalError, "panic: no topics"},
		{sink.healthCheck(), retryableError, "panic: ill"},
		{sink.shutdown(), unexpectedError, ""},
	} {
		if kind, _ := kindOf(c.err); kind != c.kind || message(c.err) != c.text {
			t.Errorf("%v", c.err)
		}
	}
	outcomes, err := sink.process(keyed(AnyOrder, "abc"))
	if err != nil || !reflect.DeepEqual(outcomes.failures, map[int]Failure{1: {Reason: "panic: told to crash"}}) {
		t.Errorf("%v %v", outcomes, err)
	}
}

func TestTheStackOfAPanicIsTheSinks(t *testing.T) {
	var log strings.Builder
	before := slog.Default()
	defer slog.SetDefault(before)
	slog.SetDefault(slog.New(newLogHandler(func(level slog.Level, line string) { fmt.Fprintln(&log, level, line) })))
	slog.With("a", 1).WithGroup("g").Info("two words", "b", "c d")
	if expected := "INFO two words a=1 g.b=\"c d\"\n"; log.String() != expected {
		t.Errorf("%q", log.String())
	}
}

func TestPayloadsKeepEveryDigit(t *testing.T) {
	record := &Record{Topic: "/default/a", Offset: 7, payload: `{"id":18446744073709551615,"n":1234567890123456789012}`}
	type numbers struct {
		ID uint64 `json:"id"`
		N  any    `json:"n"`
	}
	read, err := As[numbers](record)
	if err != nil || read.ID != 18446744073709551615 {
		t.Errorf("%v %v", read, err)
	}
	var rejected *RejectedError
	if _, err := As[[]int](record); !errors.As(err, &rejected) || !strings.HasPrefix(err.Error(), "payload of /default/a@7: ") {
		t.Error(err)
	}
	binary := &Record{Kind: Binary, payload: "\xff\x00"}
	if got := string(binary.JSON()); got != `{"data":"/wA=","size":2}` {
		t.Error(got)
	}
}
