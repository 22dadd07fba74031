package danubesink

import "context"

// Sink is where records go. C is its config: the connector's own table of the connector's file. Keys that C has no field for
// are refused, and so are missing ones, unless the field is a pointer or tagged omitzero or omitempty; topic_mappings may
// always be there, and TopicMappings reads it.
//
// Beside Initialize a sink implements Processor or BatchProcessor, and whatever it needs of HealthChecker, Shutdowner and
// ConsumerConfigurer. Register makes it the one that the component runs.
//
// What a returned error means:
//
//	nil               the record, or the batch, is safe in the target: the host acknowledges it, for good
//	*RetryableError   it may work later: the host tries again, after a growing pause or the one that is asked for
//	*RejectedError    the data is bad: the host dead-letters, skips or stops, as on_reject in the connector's file says
//	*FatalError       nothing will work until a person changes something: the host stops the connector
//	any other         unexpected, like a panic: logged; the record at fault asks for another try, others are written
//
// They may be wrapped: errors.As finds them, and the text of the whole error is the reason. A context whose deadline has
// passed is retryable.
//
// An instance is called by one caller at a time and may be dropped and made anew between any two calls: state that must
// survive belongs into the target system.
type Sink[C any] interface {
	// Initialize checks the settings and prepares clients. Called once, first. No need to retry here. A *RetryableError has
	// the host start a new instance after a pause; any other error stops the connector.
	Initialize(ctx context.Context, config C, instance Instance) error
}

// Processor writes records one by one.
type Processor interface {
	// Process writes one record.
	Process(ctx context.Context, record *Record) error
}

// BatchProcessor writes a batch at a time. It is preferred to Processor where a sink has both.
type BatchProcessor interface {
	// ProcessBatch writes a batch. When it returns, every record that the outcomes do not name must be safe in the target. An
	// error holds for the whole batch.
	ProcessBatch(ctx context.Context, batch *Batch) (Outcomes, error)
}

// HealthChecker says whether the target would take records now.
type HealthChecker interface {
	// HealthCheck is called while the host waits for a target that failed; it must not write records. *RejectedError and
	// *FatalError stop the connector; after any other error the host goes on waiting.
	HealthCheck(ctx context.Context) error
}

// Shutdowner finishes what is under way.
type Shutdowner interface {
	// Shutdown is called once before the host drops the instance in good order, not after a crash.
	Shutdown(ctx context.Context) error
}

// ConsumerConfigurer says which subscriptions to consume. Without it the host is told those of topic_mappings.
type ConsumerConfigurer interface {
	// ConsumerConfigs is called after Initialize. Any error but *RetryableError stops the connector.
	ConsumerConfigs(ctx context.Context) ([]ConsumerConfig, error)
}

// Instance is what the host tells an instance about itself.
type Instance struct {
	// ConnectorName is connector_name of the connector's file.
	ConnectorName string
	// Number says which of the connector's instances this is, from 0. Stays the same when an instance is made anew.
	Number uint32

	settings string
}

// Settings are the settings as JSON text. Secrets that the file refers to stand in it in clear text: do not log it.
func (i Instance) Settings() string { return i.settings }

// String leaves out the settings, which hold secrets.
func (i Instance) String() string { return i.ConnectorName }

// GoString leaves out the settings as well.
func (i Instance) GoString() string { return i.ConnectorName }

// ConsumerConfigs says what the host shall consume according to the topic_mappings of the settings.
func (i Instance) ConsumerConfigs() ([]ConsumerConfig, error) {
	var settings struct {
		TopicMappings TopicMappings[any] `json:"topic_mappings,omitzero"`
		Others        map[string]any     `json:",embed"`
	}
	if err := readSettings(i.settings, &settings); err != nil {
		return nil, err
	}
	if len(settings.TopicMappings) == 0 {
		return nil, Fatal("settings: no topic to consume\nhelp: add an entry to `topic_mappings` with `topic` and `subscription`")
	}
	return settings.TopicMappings.ConsumerConfigs(), nil
}

// Register makes a sink the one that this component runs. Call it once, in an init function of package main.
func Register[C any](sink Sink[C]) {
	registered = &runner{sink: sink, initialize: func(ctx context.Context, instance Instance) error {
		var config C
		if err := readSettings(instance.settings, &config); err != nil {
			return err
		}
		return sink.Initialize(ctx, config, instance)
	}}
}

// The sink of this component.
var registered *runner
