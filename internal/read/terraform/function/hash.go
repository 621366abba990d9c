package function

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"

	"github.com/plinthsec/plinth"
)

// sum of a text, in hexadecimal digits or in base64.
type digest struct {
	name string
	make func() hash.Hash
	b64  bool
}

func digests() []digest {
	return []digest{
		{"md5", md5.New, false},
		{"sha1", sha1.New, false},
		{"sha256", sha256.New, false},
		{"sha512", sha512.New, false},
		{"base64sha256", sha256.New, true},
		{"base64sha512", sha512.New, true},
	}
}

func (d digest) of(data []byte) plinth.Value {
	h := d.make()
	h.Write(data)
	if d.b64 {
		return plinth.StringOf(base64.StdEncoding.EncodeToString(h.Sum(nil)))
	}
	return plinth.StringOf(hex.EncodeToString(h.Sum(nil)))
}

func hashes() []Func {
	fs := []Func{
		{Name: "uuidv5", least: 2, most: 2, run: uuid5},
		later("uuid", 0, 0), later("bcrypt", 1, 2), later("rsadecrypt", 2, 2),
	}
	for _, d := range digests() {
		fs = append(fs, Func{Name: d.name, least: 1, most: 1, run: func(c *call) (plinth.Value, error) {
			s, err := c.text(0)
			return d.of([]byte(s)), err
		}})
	}
	return fs
}

// later is a function whose result is known at apply only.
func later(name string, least, most int) Func {
	return Func{Name: name, least: least, most: most, run: func(c *call) (plinth.Value, error) {
		return plinth.Value{}, &UnknownError{Why: name + "()"}
	}}
}

// uuid5 makes a name-based UUID, RFC 9562 section 5.5.
func uuid5(c *call) (plinth.Value, error) {
	space, err := c.text(0)
	if err != nil {
		return plinth.Value{}, err
	}
	name, err := c.text(1)
	if err != nil {
		return plinth.Value{}, err
	}
	known := map[string]string{
		"dns": "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "url": "6ba7b811-9dad-11d1-80b4-00c04fd430c8",
		"oid": "6ba7b812-9dad-11d1-80b4-00c04fd430c8", "x500": "6ba7b814-9dad-11d1-80b4-00c04fd430c8",
	}
	if id, ok := known[space]; ok {
		space = id
	}
	var raw [16]byte
	if len(space) != 36 {
		return plinth.Value{}, fmt.Errorf("uuidv5: %.40q is no UUID", space)
	}
	if n, err := hex.Decode(raw[:], []byte(space[:8]+space[9:13]+space[14:18]+space[19:23]+space[24:])); err != nil || n != 16 {
		return plinth.Value{}, fmt.Errorf("uuidv5: %.40q is no UUID", space)
	}
	s := sha1.Sum(append(raw[:], name...))
	s[6], s[8] = s[6]&0x0f|0x50, s[8]&0x3f|0x80
	return plinth.StringOf(fmt.Sprintf("%x-%x-%x-%x-%x", s[:4], s[4:6], s[6:8], s[8:10], s[10:16])), nil
}
