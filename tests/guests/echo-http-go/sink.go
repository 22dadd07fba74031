// The guest that the behaviour suite drives: it posts what it is given, and reads outcomes from the answer.
package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/danube-messaging/danube-wasm/guest-sdk/go/danubesink"
	"github.com/danube-messaging/danube-wasm/guest-sdk/go/danubesink/http"
)

type config struct {
	URL           string                        `json:"url"`
	HealthURL     string                        `json:"health_url,omitzero"`
	TopicMappings danubesink.TopicMappings[any] `json:"topic_mappings"`
}

type echo struct{ config config }

func init() { danubesink.Register(&echo{}) }

func main() {}

func (e *echo) Initialize(_ context.Context, config config, _ danubesink.Instance) error {
	e.config = config
	return nil
}

// envelope is what is posted of each record.
type envelope struct {
	Topic       string                 `json:"topic"`
	Offset      uint64                 `json:"offset"`
	PublishTime uint64                 `json:"publish_time"`
	Producer    string                 `json:"producer"`
	Partition   *uint32                `json:"partition"`
	Key         *string                `json:"key"`
	Attributes  danubesink.Attributes  `json:"attributes"`
	Schema      *danubesink.SchemaInfo `json:"schema"`
	Kind        string                 `json:"kind"`
	Payload     json.RawMessage        `json:"payload"`
	Attempt     uint32                 `json:"attempt"`
	Order       string                 `json:"order"`
}

// outcome is what the target says of a record.
type outcome struct {
	Index   int     `json:"index"`
	Retry   *string `json:"retry"`
	Reject  string  `json:"reject"`
	AfterMs int64   `json:"after_ms"`
}

func (e *echo) ProcessBatch(ctx context.Context, batch *danubesink.Batch) (danubesink.Outcomes, error) {
	envelopes := make([]envelope, len(batch.Records))
	for i, record := range batch.Records {
		crashIfTold(record)
		envelopes[i] = envelope{
			Topic: record.Topic, Offset: record.Offset, PublishTime: record.PublishTime, Producer: record.Producer,
			Partition: record.Partition, Key: record.RoutingKey, Attributes: record.Attributes, Schema: record.Schema,
			Kind: record.Kind.String(), Payload: payload(record), Attempt: batch.Attempt, Order: batch.Order.String(),
		}
	}
	var outcomes danubesink.Outcomes
	response, err := http.Send(ctx, http.NewJSON("POST", e.config.URL, envelopes))
	if err != nil {
		return outcomes, err
	}
	if err := response.CheckStatus(); err != nil {
		return outcomes, err
	}
	var said []outcome
	if json.Unmarshal(response.Body, &said) != nil {
		return outcomes, nil
	}
	for _, of := range said {
		if of.Retry != nil {
			outcomes.Retry(of.Index, *of.Retry, time.Duration(of.AfterMs)*time.Millisecond)
		} else {
			outcomes.Reject(of.Index, of.Reject)
		}
	}
	return outcomes, nil
}

func payload(record *danubesink.Record) json.RawMessage {
	if record.Kind == danubesink.Binary {
		return json.RawMessage(`"` + base64.StdEncoding.EncodeToString(record.Bytes()) + `"`)
	}
	return record.JSON()
}

func crashIfTold(record *danubesink.Record) {
	if !bytes.Contains(record.Bytes(), []byte(`"crash"`)) {
		return
	}
	if told, err := danubesink.As[struct{ Crash bool }](record); err == nil && told.Crash {
		panic("told to crash")
	}
}

func (e *echo) HealthCheck(ctx context.Context) error {
	if e.config.HealthURL == "" {
		return nil
	}
	response, err := http.Send(ctx, http.New("GET", e.config.HealthURL))
	if err != nil {
		return err
	}
	if !response.OK() {
		return danubesink.Retryable("the target is not well: status %d", response.Status)
	}
	return nil
}

func (e *echo) Shutdown(ctx context.Context) error {
	_, err := http.Send(ctx, http.NewJSON("POST", e.config.URL, map[string]bool{"shutdown": true}))
	return err
}
