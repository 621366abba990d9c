package dockerfile_test

import (
	"testing"

	"github.com/plinthsec/plinth/internal/read/dockerfile"
	"github.com/plinthsec/plinth/internal/read/readtest"
)

const sample = `# syntax=docker/dockerfile:1
ARG BASE=alpine:3.20
FROM ${BASE} AS build
RUN set -e && \
    # a note
    apk add curl; (cd /x && ls) | wc -l
RUN <<EOF
make all
EOF
ONBUILD COPY --from=build --chown=1:1 a /b
FROM build
ENV A=1 B="$A 2"
EXPOSE 80/udp 8000-8010
HEALTHCHECK --interval=5s CMD curl -f http://localhost
CMD ["sh", "-c", "exec app"]
`

func TestGolden(t *testing.T) { readtest.Golden(t, dockerfile.New(), "testdata/*.txtar") }

func TestHostile(t *testing.T) { readtest.Hostile(t, dockerfile.New(), "Dockerfile", sample) }

func TestWants(t *testing.T) {
	for name, want := range map[string]bool{
		"Dockerfile": true, "a/b/Dockerfile.dev": true, "web.dockerfile": true, "web.Dockerfile": true, "Containerfile": true,
		"Containerfile.prod": true, "dockerfile": true, "Dockerfile-alpine": true, "Dockerfile.j2": true,
		"Dockerfile.md": false, "dockerfile_test.go": false, "Dockerfile.dockerignore": false, "Dockerfiles": false, ".dockerfile": false,
		"docker-compose.yml": false, "Dockerfile.": false, "mydockerfile": false,
	} {
		if got := dockerfile.New().Wants(name, nil); got != want {
			t.Errorf("Wants(%s) = %v", name, got)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte("# escape=`\nFROM mcr.example.org/windows\nSHELL [\"powershell\", \"-Command\"]\nRUN Install-Thing; `\n  Remove-Item x\n"))
	f.Add([]byte("FROM scratch\nCOPY <<A <<-B /x/\na\nA\n\tb\n\tB\nRUN cat <<X | bash\necho $(ls)\nX\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		readtest.Print(readtest.Run(t, dockerfile.New(), map[string]string{"Dockerfile": string(data)}))
	})
}
