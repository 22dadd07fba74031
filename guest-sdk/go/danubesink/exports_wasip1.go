package danubesink

import (
	"log/slog"
	"time"
	"unsafe"

	_ "github.com/danube-messaging/danube-wasm/guest-sdk/go/danubesink/internal/bindings/exports/wit_exports"
	"github.com/danube-messaging/danube-wasm/guest-sdk/go/danubesink/internal/bindings/imports/danube_sink_log"
	"github.com/danube-messaging/danube-wasm/guest-sdk/go/danubesink/internal/bindings/imports/danube_sink_records"
	"github.com/danube-messaging/danube-wasm/guest-sdk/go/danubesink/internal/bindings/imports/danube_sink_sink"
	"github.com/danube-messaging/danube-wasm/guest-sdk/go/danubesink/internal/collector"
	"github.com/danube-messaging/danube-wasm/guest-sdk/go/danubesink/internal/exports/export_danube_sink_lifecycle"
	"github.com/danube-messaging/danube-wasm/guest-sdk/go/danubesink/internal/exports/export_danube_sink_sink"
	"github.com/danube-messaging/danube-wasm/guest-sdk/go/danubesink/internal/wit/types"
)

type (
	sinkError  = danube_sink_records.SinkError
	unitResult = types.Result[types.Unit, sinkError]
)

func init() {
	slog.SetDefault(slog.New(newLogHandler(emit)))
	export_danube_sink_sink.Initialize = func(context danube_sink_sink.Context) unitResult {
		instance := Instance{context.ConnectorName, context.Instance, context.Settings}
		return unit(func() error { return registered.start(instance) })
	}
	export_danube_sink_sink.ConsumerConfigs = consumerConfigs
	export_danube_sink_sink.ProcessBatch = processBatch
	export_danube_sink_lifecycle.HealthCheck = func() unitResult { return unit(registered.healthCheck) }
	export_danube_sink_lifecycle.Shutdown = func() unitResult { return unit(registered.shutdown) }
}

func emit(level slog.Level, line string) {
	switch {
	case level < slog.LevelDebug:
		danube_sink_log.Log(danube_sink_log.Level_Trace, line)
	case level < slog.LevelInfo:
		danube_sink_log.Log(danube_sink_log.Level_Debug, line)
	case level < slog.LevelWarn:
		danube_sink_log.Log(danube_sink_log.Level_Info, line)
	case level < slog.LevelError:
		danube_sink_log.Log(danube_sink_log.Level_Warn, line)
	default:
		danube_sink_log.Log(danube_sink_log.Level_Error, line)
	}
}

func unit(call func() error) unitResult {
	var err error
	collector.While(func() { err = call() })
	if err != nil {
		return types.Err[types.Unit](failed(err))
	}
	return types.Ok[types.Unit, sinkError](types.Unit{})
}

func failed(err error) sinkError {
	kind, after := kindOf(err)
	switch kind {
	case retryableError:
		return danube_sink_records.MakeSinkErrorRetryable(hint(err.Error(), after))
	case rejectedError:
		return danube_sink_records.MakeSinkErrorRejected(err.Error())
	default:
		return danube_sink_records.MakeSinkErrorFatal(err.Error())
	}
}

func hint(reason string, after time.Duration) danube_sink_records.RetryHint {
	hint := danube_sink_records.RetryHint{Reason: reason, AfterMs: types.None[uint32]()}
	if after > 0 {
		hint.AfterMs = types.Some(milliseconds(after))
	}
	return hint
}

// milliseconds rounds up, so that no pause becomes none, and ends at 49 days.
func milliseconds(pause time.Duration) uint32 {
	return uint32(min((pause+time.Millisecond-1)/time.Millisecond, 1<<32-1))
}

func consumerConfigs() types.Result[[]danube_sink_records.ConsumerConfig, sinkError] {
	var configs []ConsumerConfig
	var err error
	collector.While(func() { configs, err = registered.consumerConfigs() })
	if err != nil {
		return types.Err[[]danube_sink_records.ConsumerConfig](failed(err))
	}
	raw := make([]danube_sink_records.ConsumerConfig, 0, len(configs))
	for _, config := range configs {
		raw = append(raw, danube_sink_records.ConsumerConfig{
			Topic:                 config.Topic,
			Subscription:          config.Subscription,
			ConsumerName:          unlessZero(config.ConsumerName),
			SubscriptionType:      uint8(config.SubscriptionType),
			KeyFilters:            config.KeyFilters,
			ExpectedSchemaSubject: unlessZero(config.ExpectedSchemaSubject),
			BatchSize:             unlessZero(config.BatchSize),
			BatchBytes:            unlessZero(uint64(config.BatchBytes)),
			FlushIntervalMs:       unlessZero(config.FlushIntervalMs),
			PayloadFormat:         uint8(config.PayloadFormat),
		})
	}
	return types.Ok[[]danube_sink_records.ConsumerConfig, sinkError](raw)
}

func unlessZero[T comparable](value T) types.Option[T] {
	var zero T
	if value == zero {
		return types.None[T]()
	}
	return types.Some(value)
}

func processBatch(raw danube_sink_records.Batch) types.Result[[]danube_sink_records.RecordFailure, sinkError] {
	var outcomes Outcomes
	var err error
	collector.While(func() { outcomes, err = registered.process(batch(raw)) })
	if err != nil {
		return types.Err[[]danube_sink_records.RecordFailure](failed(err))
	}
	failures := make([]danube_sink_records.RecordFailure, 0, len(outcomes.failures))
	for _, index := range outcomes.Failed() {
		failure, _ := outcomes.Failure(index)
		raw := danube_sink_records.MakeFailureRetry(hint(failure.Reason, failure.After))
		if failure.Rejected {
			raw = danube_sink_records.MakeFailureReject(failure.Reason)
		}
		failures = append(failures, danube_sink_records.RecordFailure{Index: uint32(index), Failure: raw})
	}
	return types.Ok[[]danube_sink_records.RecordFailure, sinkError](failures)
}

func batch(raw danube_sink_records.Batch) *Batch {
	schemas := make([]SchemaInfo, len(raw.Schemas))
	for i, schema := range raw.Schemas {
		schemas[i] = SchemaInfo{schema.Id, schema.Subject, schema.Version, schema.SchemaType}
	}
	records := make([]Record, len(raw.Records))
	batch := &Batch{
		Topic:     raw.Topic,
		Attempt:   raw.Attempt,
		Order:     Order(raw.Order),
		TimeLimit: time.Duration(raw.TimeLimitMs) * time.Millisecond,
		Records:   make([]*Record, len(raw.Records)),
	}
	for i := range records {
		fill(&records[i], &raw.Records[i], raw.Topic, schemas)
		batch.Records[i] = &records[i]
	}
	return batch
}

func fill(record *Record, raw *danube_sink_records.SinkRecord, topic string, schemas []SchemaInfo) {
	*record = Record{Topic: topic, Offset: raw.Offset, PublishTime: raw.PublishTime, Producer: raw.Producer}
	if raw.Partition.IsSome() {
		record.Partition = new(raw.Partition.Some())
	}
	if raw.RoutingKey.IsSome() {
		record.RoutingKey = new(raw.RoutingKey.Some())
	}
	if len(raw.Attributes) > 0 {
		record.Attributes = make(Attributes, len(raw.Attributes))
		for i, pair := range raw.Attributes {
			record.Attributes[i] = Attribute{pair.F0, pair.F1}
		}
	}
	if raw.Schema.IsSome() && int(raw.Schema.Some()) < len(schemas) {
		record.Schema = &schemas[raw.Schema.Some()]
	}
	switch raw.Payload.Tag() {
	case danube_sink_records.Payload_Json:
		record.Kind, record.payload = JSON, raw.Payload.Json()
	case danube_sink_records.Payload_Text:
		record.Kind, record.payload = Text, raw.Payload.Text()
	default:
		bytes := raw.Payload.Binary()
		record.Kind, record.payload = Binary, unsafe.String(unsafe.SliceData(bytes), len(bytes))
	}
}
