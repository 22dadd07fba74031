// Package export_danube_sink_lifecycle is where the generated bindings find what danubesink exports.
package export_danube_sink_lifecycle

import (
	"github.com/danube-messaging/danube-wasm/guest-sdk/go/danubesink/internal/bindings/imports/danube_sink_records"
	"github.com/danube-messaging/danube-wasm/guest-sdk/go/danubesink/internal/wit/types"
)

// Set by danubesink, which imports the bindings and cannot be imported by them.
var (
	HealthCheck func() types.Result[types.Unit, danube_sink_records.SinkError]
	Shutdown    func() types.Result[types.Unit, danube_sink_records.SinkError]
)
