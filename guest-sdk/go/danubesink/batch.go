package danubesink

import "time"

// Order says among which records of a batch the order counts. Those form a group, and groups are independent of each other.
// Within a group records are written in the order given, and behind one that has to be tried again none is written in the
// same call. A record that is rejected holds up nothing.
//
// Batch.ProcessEach and Batch.Waves see to that.
type Order int

const (
	// AnyOrder: among none. What Shared promises.
	AnyOrder Order = iota
	// ByKey: among those with the same Record.OrderKey in the same partition. What Key-Shared promises.
	ByKey
	// Strict: among all or, on a topic with partitions, among all of one partition. What Exclusive and Failover promise.
	Strict
)

func (o Order) String() string {
	switch o {
	case AnyOrder:
		return "any"
	case ByKey:
		return "by-key"
	default:
		return "strict"
	}
}

// Batch holds records of one topic, in the order in which the broker gave them. Never empty.
type Batch struct {
	// Topic is the topic of all its records, without a partition: /namespace/topic.
	Topic string
	// Attempt says which try this is for its records: 1 the first time, then 2, 3 and so on. A broker may have delivered
	// them before, to this host or another.
	Attempt uint32
	// Order says among which of the records the order counts, because the subscription promises it.
	Order Order
	// TimeLimit is how long this call may take, from its start, before the host ends it. That counts as a crash: the instance
	// is dropped, and good records may pass for bad ones. The context of the call has it as its deadline. A sink that can't be
	// done in time writes what it can and asks for another try of the rest: that uses up no retry as long as each call
	// writes something.
	TimeLimit time.Duration
	// Records are the records.
	Records []*Record
}

// ProcessEach gives the records to write one by one and collects what it says of each. Where the order counts, a retryable
// error ends the walk for its group: the records behind it are to be retried as well and are not given to write. The first
// error that is neither retryable nor rejected ends the walk and comes back.
func (b *Batch) ProcessEach(write func(*Record) error) (Outcomes, error) {
	waves := b.Waves()
	for {
		index, record, ok := waves.nextOne()
		if !ok {
			return waves.Outcomes(), nil
		}
		if err := waves.Set(index, write(record)); err != nil {
			return Outcomes{}, err
		}
	}
}

// part is some records of the batch as a batch of its own.
func (b *Batch) part(from, to int) *Batch {
	part := *b
	part.Records = b.Records[from:to]
	return &part
}

// group names the group that a record belongs to. False: its place does not count.
func (b *Batch) group(record *Record) (group, bool) {
	if b.Order == AnyOrder {
		return group{}, false
	}
	named := group{partition: -1}
	if record.Partition != nil {
		named.partition = int64(*record.Partition)
	}
	if b.Order == ByKey {
		named.key = record.OrderKey()
	}
	return named, true
}

type group struct {
	partition int64
	key       string
}
