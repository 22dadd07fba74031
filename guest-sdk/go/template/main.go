// Writes orders to an HTTP API, those of a batch in one request.
package main

import (
	"context"
	"log/slog"

	"github.com/danube-messaging/danube-wasm/guest-sdk/go/danubesink"
	"github.com/danube-messaging/danube-wasm/guest-sdk/go/danubesink/http"
)

// Config is the table [my-sink] of the connector's file. A key that is not here is refused, and so is one that is missing.
type Config struct {
	URL           string                        `json:"url"`
	TopicMappings danubesink.TopicMappings[any] `json:"topic_mappings"`
}

// Order is what a record must be. What does not fit is rejected.
type Order struct {
	Order    uint64  `json:"order"`
	Customer string  `json:"customer"`
	Item     string  `json:"item"`
	Quantity uint32  `json:"quantity"`
	Price    float64 `json:"price"`
}

// MySink is where the records go.
type MySink struct{ config Config }

func init() { danubesink.Register(&MySink{}) }

// The host calls the sink; there is nothing for main to do.
func main() {}

// Initialize checks the settings. Called once, first.
func (s *MySink) Initialize(_ context.Context, config Config, instance danubesink.Instance) error {
	s.config = config
	slog.Info("ready", "connector", instance.ConnectorName, "topics", len(config.TopicMappings), "url", config.URL)
	return nil
}

// ProcessBatch writes a batch.
func (s *MySink) ProcessBatch(ctx context.Context, batch *danubesink.Batch) (danubesink.Outcomes, error) {
	var outcomes danubesink.Outcomes
	var orders []Order
	for index, record := range batch.Records {
		order, err := danubesink.As[Order](record)
		if err != nil {
			if err := outcomes.Set(index, err); err != nil {
				return outcomes, err
			}
			continue
		}
		orders = append(orders, order)
	}
	if len(orders) == 0 {
		return outcomes, nil
	}
	response, err := http.Send(ctx, http.NewJSON("POST", s.config.URL, orders))
	if err != nil {
		return outcomes, err // A refused connection: all of the batch is tried again.
	}
	return outcomes, response.CheckStatus() // 503: tried again. 400: all of it is rejected.
}
