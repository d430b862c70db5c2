package kerberos

import (
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/asn1tools"
	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/gssapi"
	"github.com/jcmturner/gokrb5/v8/iana/asnAppTag"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/iana/msgtype"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/service"
	"github.com/jcmturner/gokrb5/v8/spnego"
	"github.com/jcmturner/gokrb5/v8/types"
	"github.com/zabkeeper/zabkeeper/sasl"
)

// tokenBytesMax bounds a client's token; tickets with the groups of a directory
// are large.
const tokenBytesMax = 64 << 10

type phase uint8

const (
	begun  phase = iota
	proven       // the client knows who it talks to; its empty token is due
	offered
	complete
	refused
)

// conversation is one login.
type conversation struct {
	mechanism *Mechanism
	phase     phase
	name      string // the identity
	principal string // in full
	key       types.EncryptionKey
	sequence  int64
}

// Name implements sasl.Conversation.
func (c *conversation) Name() (string, bool) {
	if c.phase != complete {
		return "", false
	}
	return c.name, true
}

// Respond implements sasl.Conversation.
func (c *conversation) Respond(token []byte) (answer []byte, err error) {
	at := c.phase
	c.phase = refused
	// The library decodes what a stranger sent. Should it ever fail at that, one
	// login is refused and the server goes on.
	defer func() {
		if r := recover(); r != nil {
			c.phase, answer, err = refused, nil, fmt.Errorf("%w: malformed token: %v", sasl.ErrRefused, r)
		}
	}()
	if len(token) > tokenBytesMax {
		return nil, fmt.Errorf("%w: a token of %d bytes, want at most %d", sasl.ErrRefused, len(token), tokenBytesMax)
	}
	switch at {
	case begun:
		return c.accept(token)
	case proven:
		return c.offer()
	case offered:
		if err := c.choice(token); err != nil {
			return nil, err
		}
		c.phase = complete
		return nil, nil
	case complete, refused:
	}
	return nil, fmt.Errorf("%w: a token behind the end of the conversation", sasl.ErrRefused)
}

// accept verifies the client's ticket.
func (c *conversation) accept(token []byte) ([]byte, error) {
	var t spnego.KRB5Token
	if err := t.Unmarshal(token); err != nil || !t.IsAPReq() {
		return nil, refusal("the token is no ticket", err)
	}
	req := &t.APReq
	ok, _, err := service.VerifyAPREQ(req, c.mechanism.settings)
	if err != nil || !ok {
		return nil, refusal("the ticket is not valid", err)
	}
	a := &req.Authenticator
	if c.name, err = c.mechanism.nameOf(a.CName.NameString, a.CRealm); err != nil {
		return nil, err
	}
	c.principal = strings.Join(a.CName.NameString, "/") + "@" + a.CRealm
	c.sequence, c.key = a.SeqNumber, req.Ticket.DecryptedEncPart.Key
	proof := c.key
	if len(a.SubKey.KeyValue) > 0 {
		c.key = a.SubKey
	}
	if !wantsProof(a) {
		return c.offer()
	}
	c.phase = proven
	return proofFor(a, proof)
}

// wantsProof reports whether the client asks who it talks to, by a flag in the
// checksum of RFC 4121, section 4.1.1.
func wantsProof(a *types.Authenticator) bool {
	const checksumOfGSS, flagsAt, mutual = 0x8003, 20, 2
	sum := a.Cksum.Checksum
	return a.Cksum.CksumType == checksumOfGSS && len(sum) >= flagsAt+4 && binary.LittleEndian.Uint32(sum[flagsAt:])&mutual != 0
}

// proofFor is the AP_REP that only the holder of the server's key can make.
func proofFor(a *types.Authenticator, key types.EncryptionKey) ([]byte, error) {
	part, err := asn1.Marshal(messages.EncAPRepPart{CTime: a.CTime.UTC().Truncate(time.Second), Cusec: a.Cusec, SequenceNumber: a.SeqNumber})
	if err != nil {
		return nil, fmt.Errorf("the server's proof: %w", err)
	}
	sealed, err := crypto.GetEncryptedData(asn1tools.AddASNAppTag(part, asnAppTag.EncAPRepPart), key, keyusage.AP_REP_ENCPART, 0)
	if err != nil {
		return nil, fmt.Errorf("the server's proof: %w", err)
	}
	rep, err := asn1.Marshal(messages.APRep{PVNO: 5, MsgType: msgtype.KRB_AP_REP, EncPart: sealed})
	if err != nil {
		return nil, fmt.Errorf("the server's proof: %w", err)
	}
	mechanism, err := asn1.Marshal(gssapi.OIDKRB5.OID())
	if err != nil {
		return nil, fmt.Errorf("the server's proof: %w", err)
	}
	const apRep = 0x0200
	inner := append(binary.BigEndian.AppendUint16(mechanism, apRep), asn1tools.AddASNAppTag(rep, asnAppTag.APREP)...)
	return asn1tools.AddASNAppTag(inner, 0), nil
}

// noLayer is the one choice of RFC 4752 that is offered: what follows the login
// is neither signed nor encrypted.
const noLayer = 1

// fromAcceptor is the flag of the server's tokens.
const fromAcceptor = 1

func (c *conversation) offer() ([]byte, error) {
	etype, err := crypto.GetEtype(c.key.KeyType)
	if err != nil {
		return nil, refusal("the key", err)
	}
	w := gssapi.WrapToken{Flags: fromAcceptor, EC: uint16(etype.GetHMACBitLength() / 8), SndSeqNum: uint64(c.sequence), Payload: []byte{noLayer, 0, 0, 0}}
	if err := w.SetCheckSum(c.key, keyusage.GSSAPI_ACCEPTOR_SEAL); err != nil {
		return nil, refusal("the key", err)
	}
	c.phase = offered
	return w.Marshal()
}

// choice checks what the client chose, and whom it wants to act for.
func (c *conversation) choice(token []byte) error {
	var w gssapi.WrapToken
	if err := w.Unmarshal(token, false); err != nil {
		return refusal("the client's choice", err)
	}
	const sealed = 2
	if w.Flags&sealed != 0 || w.RRC != 0 {
		return fmt.Errorf("%w: the client's choice is encrypted or rotated", sasl.ErrRefused)
	}
	if ok, err := w.Verify(c.key, keyusage.GSSAPI_INITIATOR_SEAL); err != nil || !ok {
		return refusal("the client's choice is not signed with its key", err)
	}
	if len(w.Payload) < 4 || w.Payload[0] != noLayer {
		return fmt.Errorf("%w: the client chose to sign or encrypt, which was not offered", sasl.ErrRefused)
	}
	// Nobody may act for somebody else.
	if as := string(w.Payload[4:]); as != "" && as != c.name && as != c.principal {
		return fmt.Errorf("%w: %q asks to act as %q", sasl.ErrRefused, c.principal, as)
	}
	return nil
}

// refusal says why, with what the library says about it, if anything.
func refusal(what string, err error) error {
	if err == nil {
		return fmt.Errorf("%w: %s", sasl.ErrRefused, what)
	}
	return fmt.Errorf("%w: %s: %w", sasl.ErrRefused, what, err)
}
