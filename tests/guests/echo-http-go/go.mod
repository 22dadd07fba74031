module echo-http

go 1.27

require github.com/danube-messaging/danube-wasm/guest-sdk/go/danubesink v0.0.0

replace github.com/danube-messaging/danube-wasm/guest-sdk/go/danubesink => ../../../guest-sdk/go/danubesink
