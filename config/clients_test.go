package config

import (
	"strings"
	"testing"
	"time"
)

func TestSessionsAndThrottlesFromZooCfg(t *testing.T) {
	const text = "dataDir=/data\nclientPort=2181\nlocalSessionsEnabled=true\nlocalSessionsUpgradingEnabled=true\nreadonlymode.enabled=true\n" +
		"requestThrottleLimit=50\nthrottled_op_wait_time=20\nlargeRequestThreshold=-1\nlargeRequestMaxBytes=9000\n" +
		"connection_throttle_tokens=10\nconnection_throttle_fill_time=5\nconnection_throttle_fill_count=2\nconnection_throttle_freeze_time=-1\n" +
		"connection_throttle_drop_increase=0.5\nconnection_throttle_drop_decrease=0.25\nconnection_throttle_decrease_ratio=0.125\n" +
		"connection_throttle_weight_enabled=true\nconnection_throttle_global_session_weight=4\nconnection_throttle_local_session_weight=2\n" +
		"connection_throttle_renew_session_weight=3\nrequestThrottleStallTime=10\n"
	c, _, warnings, err := parseZooCfg("zoo.cfg", []byte(text), files(nil))
	if err != nil {
		t.Fatal(err)
	}
	if c.LocalSessions != (LocalSessions{true, true}) || !c.ReadOnlyMode {
		t.Errorf("sessions %+v, read-only %v", c.LocalSessions, c.ReadOnlyMode)
	}
	if want := (Throttle{Requests: 50, RefuseWait: 20 * time.Millisecond, LargeBytesMax: 9000}); c.Throttle != want {
		t.Errorf("got %+v, want %+v", c.Throttle, want)
	}
	want := ConnectionThrottle{Tokens: 10, FillTime: 5 * time.Millisecond, FillCount: 2, DropIncrease: 0.5, DropDecrease: 0.25, DecreaseRatio: 0.125,
		WeightEnabled: true, GlobalWeight: 4, LocalWeight: 2, RenewWeight: 3}
	if c.ConnectionThrottle != want {
		t.Errorf("got %+v, want %+v", c.ConnectionThrottle, want)
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0].String(), "requestThrottleStallTime=10\": has no effect") {
		t.Errorf("warnings %v", warnings)
	}
}

func TestMistakesInThrottles(t *testing.T) {
	for text, want := range map[string]string{
		"[connection_throttle]\ndrop_increase = 1.5":  "out of range; write a number from 0 to 1",
		"[connection_throttle]\ndrop_increase = nan":  "out of range",
		"[connection_throttle]\ndrop_increase = \"\"": "not a number",
		"[throttle]\nrefuse_wait = 5":                 "not a duration",
		"[local_sessions]\nupgrde = true":             "did you mean local_sessions.upgrade?",
	} {
		if _, err := parse("f", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
	c, err := parse("f", []byte("[connection_throttle]\ndrop_increase = 1\ntokens = 2\nweight_enabled = true"))
	if err != nil || c.ConnectionThrottle.DropIncrease != 1 {
		t.Fatalf("%v", err)
	}
	if p := c.Validate(nil); len(p) != 1 || !strings.Contains(p.Error(), "some clients could never connect") {
		t.Errorf("got %v", p)
	}
	if _, _, _, err := parseZooCfg("z", []byte("dataDir=/data\nclientPort=1\nconnection_throttle_drop_increase=lots\n"), files(nil)); err == nil || !strings.Contains(err.Error(), "not a number") {
		t.Errorf("got %v", err)
	}
}
