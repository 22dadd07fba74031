package danubesink

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
	"unsafe"
)

// PayloadKind says which form a record's payload has.
type PayloadKind int

const (
	// JSON is a document, checked by the host; for Avro and Protobuf written by the host.
	JSON PayloadKind = iota
	// Text is text that is not JSON.
	Text
	// Binary is bytes as published: of the schema type Bytes, without a schema and not UTF-8, or asked for raw.
	Binary
)

func (k PayloadKind) String() string {
	switch k {
	case JSON:
		return "json"
	case Text:
		return "text"
	default:
		return "binary"
	}
}

// SchemaInfo is a schema of Danube's registry, as records refer to it.
type SchemaInfo struct {
	// ID is the registry's id of the subject (not of the version).
	ID uint64 `json:"id"`
	// Subject is the name under which the schema is registered.
	Subject string `json:"subject"`
	// Version is the one that the record was published with, from 1.
	Version uint32 `json:"version"`
	// Type is json_schema, avro, protobuf, string, number or bytes.
	Type string `json:"type"`
}

// Record is one record of a topic.
//
// (Topic, Partition, Offset) names it for ever, see ID: a target that can write idempotently should use that as its key,
// since a record may come again after a crash.
type Record struct {
	// Topic is the topic, without a partition: /namespace/topic.
	Topic string
	// Offset is the position in the topic, or in the partition where there is one. Counts from 0 in steps of 1.
	Offset uint64
	// PublishTime is when the producer published it, in microseconds since 1970-01-01T00:00:00Z. See Published.
	PublishTime uint64
	// Producer is the name of the producer.
	Producer string
	// Partition is the partition, from 0; nil on a topic without partitions.
	Partition *uint32
	// RoutingKey is the key that the producer routed it by; nil if it gave none.
	RoutingKey *string
	// Attributes are those that the producer set.
	Attributes Attributes
	// Schema is the one that it was published with; nil if there is none.
	Schema *SchemaInfo
	// Kind is the form of the payload.
	Kind PayloadKind

	payload string
}

// Text gives the payload as text: JSON as it was published (or as the host wrote it for Avro and Protobuf), with every
// digit of its numbers, or text, or the bytes as they are.
func (r *Record) Text() string { return r.payload }

// Bytes gives the payload's bytes, whatever they are. They must not be changed.
func (r *Record) Bytes() []byte { return unsafe.Slice(unsafe.StringData(r.payload), len(r.payload)) }

// As reads the payload into a value, as json.Unmarshal does: large integers go into int64, uint64, json.Number or
// json.RawMessage without losing a digit. Text is read as a JSON string, bytes as {"data": "<base64>", "size": <bytes>}.
// What does not fit is a *RejectedError that names the record and the place.
func (r *Record) As(value any) error {
	if err := json.Unmarshal(r.documentBytes(), value); err != nil {
		return Rejected("payload of %s: %w", r.ID(), err)
	}
	return nil
}

// As reads the payload of a record as a T, see Record.As.
func As[T any](r *Record) (T, error) {
	var value T
	err := r.As(&value)
	return value, err
}

func (r *Record) documentBytes() []byte {
	if r.Kind == JSON {
		return r.Bytes()
	}
	return r.JSON()
}

// JSON gives the payload as a JSON document: JSON as it was published, with every digit of its numbers; text quoted; bytes
// as {"data": "<base64>", "size": <bytes>}. As a json.RawMessage it stands in whatever is marshalled. It must not be
// changed.
func (r *Record) JSON() json.RawMessage {
	switch r.Kind {
	case JSON:
		return r.Bytes()
	case Text:
		return quoted(r.payload)
	default:
		return fmt.Appendf(nil, `{"data":"%s","size":%d}`, base64.StdEncoding.EncodeToString(r.Bytes()), len(r.payload))
	}
}

func quoted(text string) json.RawMessage {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err) // Not even text that is not UTF-8 fails.
	}
	return quoted
}

// ID is the record's name for ever: topic@offset, or topic-part-N@offset on a partitioned topic.
func (r *Record) ID() string {
	id := r.Topic
	if r.Partition != nil {
		id += "-part-" + strconv.FormatUint(uint64(*r.Partition), 10)
	}
	return id + "@" + strconv.FormatUint(r.Offset, 10)
}

// Published is PublishTime as a time.
func (r *Record) Published() time.Time { return time.UnixMicro(int64(r.PublishTime)).UTC() }

// OrderKey is what a Key-Shared subscription keeps the order by: the routing key, or the producer's name where there is
// none.
func (r *Record) OrderKey() string {
	if r.RoutingKey != nil {
		return *r.RoutingKey
	}
	return r.Producer
}

// String says where the record stands and how large it is, never what it carries.
func (r *Record) String() string {
	return fmt.Sprintf("%s (%s, %d bytes)", r.ID(), r.Kind, len(r.payload))
}

// NewRecord makes a record with a payload, for tests of a sink. All else can be set in it.
func NewRecord(topic string, kind PayloadKind, payload string) *Record {
	return &Record{Topic: topic, Kind: kind, payload: payload}
}
