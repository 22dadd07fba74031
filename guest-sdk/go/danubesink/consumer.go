package danubesink

import (
	"fmt"
	"strings"
)

// SubscriptionType says how records are divided among the consumers of a subscription. In settings: Shared, Exclusive,
// Failover, Key-Shared; upper and lower case, - and _ make no difference.
type SubscriptionType int

const (
	// Shared: spread over all consumers. No order.
	Shared SubscriptionType = iota
	// Exclusive: one consumer only, in order.
	Exclusive
	// Failover: one active consumer, in order; others stand by.
	Failover
	// KeyShared: spread by routing key; in order for each key.
	KeyShared
)

// UnmarshalText reads it from settings.
func (t *SubscriptionType) UnmarshalText(text []byte) error {
	switch strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(string(text))) {
	case "shared":
		*t = Shared
	case "exclusive":
		*t = Exclusive
	case "failover":
		*t = Failover
	case "keyshared":
		*t = KeyShared
	default:
		return fmt.Errorf("%q is none of `Shared`, `Exclusive`, `Failover` and `Key-Shared`", text)
	}
	return nil
}

// PayloadFormat says what a record's payload holds. In settings: decoded or raw.
type PayloadFormat int

const (
	// Decoded: what the record's schema makes of it.
	Decoded PayloadFormat = iota
	// Raw: the bytes as published, always Binary.
	Raw
)

// UnmarshalText reads it from settings.
func (f *PayloadFormat) UnmarshalText(text []byte) error {
	switch string(text) {
	case "decoded":
		*f = Decoded
	case "raw":
		*f = Raw
	default:
		return fmt.Errorf("%q is neither `decoded` nor `raw`", text)
	}
	return nil
}

// ConsumerConfig is one subscription that the host shall consume. A zero value, beside those of Topic and Subscription, is
// taken from the connector's file.
type ConsumerConfig struct {
	// Topic is the topic, /namespace/topic. The connector's file must name it, or grant it.
	Topic string `json:"topic"`
	// Subscription is the subscription. The file must name it for this topic; for a topic that is merely granted, it must
	// start with the connector's name.
	Subscription string `json:"subscription"`
	// ConsumerName is unique on the subscription. The host makes one up where it is absent.
	ConsumerName string `json:"consumer_name,omitzero"`
	// SubscriptionType says how records are divided among consumers.
	SubscriptionType SubscriptionType `json:"subscription_type,omitzero"`
	// KeyFilters are glob patterns for the routing keys to receive. Only for KeyShared; none means all.
	KeyFilters []string `json:"key_filters,omitzero"`
	// ExpectedSchemaSubject is the subject that every record's schema must have. A record without it never reaches the sink.
	ExpectedSchemaSubject string `json:"expected_schema_subject,omitzero"`
	// BatchSize is the largest number of records in a batch.
	BatchSize uint32 `json:"batch_size,omitzero"`
	// BatchBytes is the largest sum of payload bytes in a batch. A single record that is larger comes alone. Absent where the
	// settings give it with a unit: the host reads that itself.
	BatchBytes Size `json:"batch_bytes,omitzero"`
	// FlushIntervalMs is how long the first record of a batch may wait for others, in milliseconds.
	FlushIntervalMs uint32 `json:"flush_interval_ms,omitzero"`
	// PayloadFormat says what a record's payload holds.
	PayloadFormat PayloadFormat `json:"payload_format,omitzero"`
}
