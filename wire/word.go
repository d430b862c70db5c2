package wire

// fourLetterWords are what an operator may type in place of a connect request.
// As frame lengths they would all be far too long, so they cannot be mistaken.
// ZooKeeper has neither oper nor self.
var fourLetterWords = [...]string{
	"conf", "cons", "crst", "dirs", "dump", "envi", "gtmk", "hash", "isro", "mntr",
	"oper", "ruok", "self", "srst", "srvr", "stat", "stmk", "wchc", "wchp", "wchs",
}

// FourLetterWord returns the command that the first four bytes of a connection
// spell.
func FourLetterWord(b [4]byte) (string, bool) {
	for _, w := range fourLetterWords {
		if string(b[:]) == w {
			return w, true
		}
	}
	return "", false
}
