package danubesink

import (
	"encoding/json/jsontext"
	json "encoding/json/v2"
	"errors"
)

// The keys of a mapping that belong to the host. All others are the sink's own.
var hostKeys = map[string]bool{
	"topic": true, "subscription": true, "subscription_type": true, "consumer_name": true, "key_filters": true,
	"expected_schema_subject": true, "batch_size": true, "batch_bytes": true, "flush_interval_ms": true,
	"payload_format": true,
}

// TopicMapping is one entry of topic_mappings: the subscription, and beside it the keys of the sink's own, which T takes. A T
// that is a struct refuses every key that is neither its own nor the host's; with any every key will do.
type TopicMapping[T any] struct {
	// Consumer is what the host shall consume.
	Consumer ConsumerConfig
	// Extra are the sink's own keys for this topic.
	Extra T
}

// TopicMappings are the topic_mappings of the settings: make them a field of your config to have per-topic settings.
//
//	type Config struct {
//		TopicMappings danubesink.TopicMappings[struct {
//			Table string `json:"table"`
//		}] `json:"topic_mappings"`
//	}
type TopicMappings[T any] []TopicMapping[T]

// For gives the mapping of a topic: the first one, should several subscriptions of it be consumed.
func (m TopicMappings[T]) For(topic string) (TopicMapping[T], bool) {
	for _, mapping := range m {
		if mapping.Consumer.Topic == topic {
			return mapping, true
		}
	}
	return TopicMapping[T]{}, false
}

// ConsumerConfigs says what the host shall consume, for all of them.
func (m TopicMappings[T]) ConsumerConfigs() []ConsumerConfig {
	configs := make([]ConsumerConfig, 0, len(m))
	for _, mapping := range m {
		configs = append(configs, mapping.Consumer)
	}
	return configs
}

// UnmarshalJSON reads it from settings.
func (m *TopicMapping[T]) UnmarshalJSON(text []byte) error {
	var entry map[string]jsontext.Value
	if err := json.Unmarshal(text, &entry); err != nil {
		return err
	}
	host, own := make(map[string]jsontext.Value), make(map[string]jsontext.Value)
	for key, value := range entry {
		if hostKeys[key] {
			host[key] = value
		} else {
			own[key] = value
		}
	}
	return errors.Join(readObject(host, &m.Consumer), readObject(own, &m.Extra))
}

func readObject(object map[string]jsontext.Value, into any) error {
	text, err := json.Marshal(object, json.Deterministic(true))
	if err != nil {
		return err
	}
	return readStrictly(text, into)
}

// Size is a number of bytes.
type Size uint64

// UnmarshalJSON reads it from settings. The host reads its own keys too and takes its value where a sink gives none, so that
// units, as in "4MiB", need no second reader.
func (s *Size) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '"' {
		*s = 0
		return nil
	}
	var bytes uint64
	if err := json.Unmarshal(text, &bytes); err != nil {
		return errors.New("a number of bytes must stand here")
	}
	*s = Size(bytes)
	return nil
}
