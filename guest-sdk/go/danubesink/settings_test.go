package danubesink

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

type server struct {
	Port uint16 `json:"port"`
}

type settings struct {
	Servers []server    `json:"servers"`
	Name    string      `json:"name,omitzero"`
	Limit   json.Number `json:"limit,omitzero"`
	TLS     *server     `json:"tls"`
}

func TestAMistakeIsFoundByItsPath(t *testing.T) {
	for text, expected := range map[string]string{
		`{"servers":[{"port":1},{"port":"x"}]}`:  "settings: `servers[1].port`: a string stands where a number (uint16) is expected",
		`{"servers":[{"port":70000}]}`:           "settings: `servers[0].port`: value out of range: 70000",
		`{"servers":{}}`:                         "settings: `servers`: a table stands where a list is expected",
		`{}`:                                     "settings: missing key `servers`",
		`{"servers":[{}]}`:                       "settings: `servers[0]`: missing key `port`",
		`{"servers":[],"tls":{}}`:                "settings: `tls`: missing key `port`",
		`{"sever":[]}`:                           "settings: unknown key `sever`, expected `servers`, `name`, `limit`, `tls`",
		`{"servers":[{"a.b":1}]}`:                "settings: `servers[0]`: unknown key `a.b`, expected `port`",
		`{"servers":[],"Name":"upper"}`:          "settings: unknown key `Name`, expected `servers`, `name`, `limit`, `tls`",
		`{"servers":[],"topic_mappings":[1,{}]}`: "",
		`{"servers":[{"port":1}],"limit":123456789012345678901234567890}`: "",
	} {
		var into settings
		err := readSettings(text, &into)
		if message(err) != expected {
			t.Errorf("%s: %q, expected %q", text, message(err), expected)
		}
		if kind, _ := kindOf(err); err != nil && kind != fatalError {
			t.Errorf("%s: not fatal", text)
		}
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

type perTopic struct {
	Table string `json:"table"`
}

func TestTopicMappingsAreRead(t *testing.T) {
	var config struct {
		TopicMappings TopicMappings[perTopic] `json:"topic_mappings"`
	}
	err := readSettings(`{"topic_mappings":[{"topic":"/default/orders","subscription":"sink","subscription_type":"Key-Shared",
		"consumer_name":"sink-1","key_filters":["eu-*"],"expected_schema_subject":"orders","batch_size":500,
		"batch_bytes":1048576,"flush_interval_ms":1000,"payload_format":"raw","table":"t"}]}`, &config)
	expected := ConsumerConfig{"/default/orders", "sink", "sink-1", KeyShared, []string{"eu-*"}, "orders", 500, 1 << 20, 1000, Raw}
	mapping, found := config.TopicMappings.For("/default/orders")
	if err != nil || !found || !reflect.DeepEqual(mapping.Consumer, expected) || mapping.Extra.Table != "t" {
		t.Errorf("%v %+v", err, mapping)
	}
}

func TestAMistakeInAMappingNamesItsKey(t *testing.T) {
	for text, expected := range map[string]string{
		`{"topic":"t","subscription":"s","table":"t","batch_size":"many"}`:       "settings: `topic_mappings[0].batch_size`: a string stands where a number (uint32) is expected",
		`{"topic":"t","table":"t"}`:                                              "settings: `topic_mappings[0]`: missing key `subscription`",
		`{"topic":"t","subscription":"s","table":"t","bath_size":5}`:             "settings: `topic_mappings[0]`: unknown key `bath_size`, expected `table`",
		`{"topic":"t","subscription":"s","table":"t","batch_bytes":true}`:        "settings: `topic_mappings[0].batch_bytes`: a number of bytes must stand here",
		`{"topic":"t","subscription":"s","table":"t","subscription_type":"any"}`: "settings: `topic_mappings[0].subscription_type`: \"any\" is none of `Shared`, `Exclusive`, `Failover` and `Key-Shared`",
		`{"topic":"t","subscription":"s","table":"t","batch_bytes":"4MiB"}`:      "",
	} {
		var config struct {
			TopicMappings TopicMappings[perTopic] `json:"topic_mappings"`
		}
		if err := readSettings(`{"topic_mappings":[`+text+`]}`, &config); message(err) != expected {
			t.Errorf("%s:\n%q, expected\n%q", text, message(err), expected)
		}
	}
}

func TestTheHostIsToldWhatTheSettingsMap(t *testing.T) {
	configs, err := Instance{settings: `{"url":"u","topic_mappings":[{"topic":"t","subscription":"s","own":1}]}`}.ConsumerConfigs()
	if err != nil || len(configs) != 1 || configs[0].Topic != "t" {
		t.Errorf("%v %v", configs, err)
	}
	for _, none := range []string{`{}`, `{"topic_mappings":[]}`} {
		if _, err := (Instance{settings: none}).ConsumerConfigs(); !strings.HasPrefix(message(err), "settings: no topic to consume\nhelp: ") {
			t.Error(err)
		}
	}
}
