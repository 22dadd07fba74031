// Package danubesink writes sink connectors for danube-wasm: components that get batches of records from Danube topics and write
// them to another system. The host consumes, decodes by schema, batches, retries, acknowledges and dead-letters. A sink transforms
// and writes.
//
//	type Config struct {
//		URL string `json:"url"`
//	}
//
//	type Orders struct{ config Config }
//
//	func init() { danubesink.Register(&Orders{}) }
//
//	func main() {}
//
//	func (o *Orders) Initialize(_ context.Context, config Config, _ danubesink.Instance) error {
//		o.config = config
//		return nil
//	}
//
//	func (o *Orders) Process(ctx context.Context, record *danubesink.Record) error {
//		response, err := http.Send(ctx, http.NewJSON("POST", o.config.URL, record.JSON()))
//		if err != nil {
//			return err
//		}
//		return response.CheckStatus()
//	}
//
// What is logged with log/slog becomes events of the host's log. Package http, below this one, sends requests.
//
// An instance has one thread, which works while the host calls. A goroutine that is started in a call goes on during the next
// one. A string of a record may be kept, and keeps some 16 KiB of the batch that it came with: strings.Clone what a cache holds.
package danubesink
