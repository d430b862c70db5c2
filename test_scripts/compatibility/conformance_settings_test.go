package compatibility

import (
	"testing"

	"github.com/zabkeeper/zabkeeper/wire"
)

// settingSetups are servers with other settings than the rest, each with the rows
// that need them.
var settingSetups = []struct {
	name string
	Configuration
	rows []row
}{
	{"defaults", Configuration{Lines: "4lw.commands.whitelist=srvr\nextendedTypesEnabled=false\nenforceQuota=false\n"}, plainRows},
	{"IPv6", Configuration{Host: "::1"}, []row{{"C19", "writes the address in full", checkIPv6}, {"C19b", "", checkIPv6Client}}},
}

// TestConformanceOfSettings is TestConformance for rows that need other settings.
func TestConformanceOfSettings(t *testing.T) {
	for _, setup := range settingSetups {
		t.Run(setup.name, func(t *testing.T) {
			servers := startBoth(t, setup.Configuration)
			for _, r := range setup.rows {
				for _, s := range servers {
					if r.later == "" || s.Name == "zabkeeper" {
						t.Run(r.id+"/"+s.Name, func(t *testing.T) { r.check(t, s) })
					}
				}
			}
		})
	}
}

// plainRows need ZooKeeper's defaults.
var plainRows = []row{
	{"F10", "", func(t *testing.T, s *Server) {
		shaped(t, s, "srvr", serverLines...)
		for _, word := range []string{"ruok", "stat", "mntr", "wchs", "isro", "hash"} {
			equal(t, word, s.Word(word), word+" is not executed because it is not in the whitelist.\n")
		}
	}},
	{"N04b", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		equal(t, "createTTL", u.do(wire.OpCreateTTL, ttlRecord("/t", wire.FlagTTL, 1000)).Err, wire.ErrUnimplemented)
	}},
	{"U03c", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		limit(u, path, "count=-1,bytes=-1=;byteHardLimit=-1;countHardLimit=1")
		u.made(path+"/a", "", 0)
	}},
}

func checkIPv6(t *testing.T, s *Server) {
	equal(t, "ids", whoAmI(connect(t, s)), map[string]int{"ip:::1": 1})
}

func checkIPv6Client(t *testing.T, s *Server) {
	u := connect(t, s)
	path := home(t, u)
	u.set(path, "over IPv6", -1)
	data, _ := u.again().get(path)
	equal(t, "data", string(data), "over IPv6")
}
