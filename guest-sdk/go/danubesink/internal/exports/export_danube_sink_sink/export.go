// Package export_danube_sink_sink is where the generated bindings find what danubesink exports.
package export_danube_sink_sink

import (
	"github.com/danube-messaging/danube-wasm/guest-sdk/go/danubesink/internal/bindings/imports/danube_sink_records"
	"github.com/danube-messaging/danube-wasm/guest-sdk/go/danubesink/internal/bindings/imports/danube_sink_sink"
	"github.com/danube-messaging/danube-wasm/guest-sdk/go/danubesink/internal/wit/types"
)

// Set by danubesink, which imports the bindings and cannot be imported by them.
var (
	Initialize      func(danube_sink_sink.Context) types.Result[types.Unit, danube_sink_records.SinkError]
	ConsumerConfigs func() types.Result[[]danube_sink_records.ConsumerConfig, danube_sink_records.SinkError]
	ProcessBatch    func(danube_sink_records.Batch) types.Result[[]danube_sink_records.RecordFailure, danube_sink_records.SinkError]
)
