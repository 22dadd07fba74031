module github.com/danube-messaging/danube-wasm/guest-sdk/go/danubesink

go 1.27
