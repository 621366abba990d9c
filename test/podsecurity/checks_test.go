package podsecurity_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"
)

// random is how many made-up pods are judged beside the upstream ones, and seed what they are made from.
const (
	random = 1000
	seed   = 35
)

// TestEveryCheck judges every upstream pod, of whatever version, and made-up ones by every version, and compares control by
// control with the checks of upstream.
func TestEveryCheck(t *testing.T) {
	set := standards(t)
	all := map[string]*corev1.Pod{}
	files := map[string]string{}
	add := func(pod *corev1.Pod) {
		name := fmt.Sprintf("%04d.json", len(all))
		pod.APIVersion, pod.Kind, pod.Name = "v1", "Pod", "p"+name
		text, err := json.Marshal(pod)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(text)
		defaults(pod)
		all[name] = pod
	}
	seen := map[string]bool{}
	for _, level := range []string{"baseline", "restricted"} {
		for minor := range latest + 1 {
			texts := pods(t, level, minor)
			for _, name := range slices.Sorted(maps.Keys(texts)) {
				pod := &corev1.Pod{}
				if err := yaml.Unmarshal([]byte(texts[name]), pod); err != nil {
					t.Fatal(err)
				}
				pod.Name = ""
				key, _ := json.Marshal(pod)
				if !seen[string(key)] {
					seen[string(key)] = true
					add(pod)
				}
			}
		}
	}
	t.Logf("%d different upstream pods", len(all))
	r := rand.New(rand.NewPCG(seed, seed))
	for range random {
		add(madeUp(r))
	}
	for minor := range latest + 1 {
		if minor == 0 {
			continue // the same as v1.1, and 0 stands for the latest
		}
		failed := judge(t, set, minor, files)
		for name, pod := range all {
			if want, got := wanted(minor, pod), relevant(minor, failed[name]); !maps.Equal(want, got) {
				t.Errorf("v1.%d: failed are %v, want %v, for %s", minor, slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)), files[name])
			}
		}
	}
}

// defaults does what the API server does before admission, as far as checks see it.
func defaults(pod *corev1.Pod) {
	for i := range pod.Spec.Volumes {
		if v := &pod.Spec.Volumes[i]; v.VolumeSource == (corev1.VolumeSource{}) {
			v.EmptyDir = &corev1.EmptyDirVolumeSource{}
		}
	}
}

// versioned returns the form of a check that counts for a version.
func versioned(c policy.Check, minor int) *policy.VersionedCheck {
	var out *policy.VersionedCheck
	at := api.MajorMinorVersion(1, minor)
	for i := range c.Versions {
		if v := &c.Versions[i]; !at.Older(v.MinimumVersion) {
			out = v
		}
	}
	return out
}

func control(c policy.Check) string { return "pod-security-" + string(c.Level) + ":" + string(c.ID) }

// wanted returns the controls that upstream's checks say a pod fails.
func wanted(minor int, pod *corev1.Pod) map[string]bool {
	out := map[string]bool{}
	for _, c := range policy.DefaultChecks() {
		if v := versioned(c, minor); v != nil && !v.CheckPod(&pod.ObjectMeta, &pod.Spec).Allowed {
			out[control(c)] = true
		}
	}
	return out
}

// relevant leaves out controls that a version does not have: a rule for several controls names them all.
func relevant(minor int, failed map[string]bool) map[string]bool {
	out := map[string]bool{}
	for _, c := range policy.DefaultChecks() {
		if versioned(c, minor) != nil && failed[control(c)] {
			out[control(c)] = true
		}
	}
	return out
}

func pick[T any](r *rand.Rand, list ...T) T { return list[r.IntN(len(list))] }

func some[T any](r *rand.Rand, list ...T) *T {
	if r.IntN(2) == 0 {
		return nil
	}
	return &list[r.IntN(len(list))]
}

func names[T ~string](r *rand.Rand, list ...T) []T {
	var out []T
	for range r.IntN(3) {
		out = append(out, pick(r, list...))
	}
	return out
}

// madeUp returns a pod that the API would take: what it refuses for Windows is left out there.
func madeUp(r *rand.Rand) *corev1.Pod {
	pod := &corev1.Pod{}
	s := &pod.Spec
	s.HostNetwork, s.HostPID, s.HostIPC = r.IntN(8) == 0, r.IntN(8) == 0, r.IntN(8) == 0
	s.HostUsers = some(r, true, false, false)
	windows := r.IntN(6) == 0
	if windows {
		s.OS = &corev1.PodOS{Name: corev1.Windows}
	} else if r.IntN(6) == 0 {
		s.OS = &corev1.PodOS{Name: corev1.Linux}
	}
	if r.IntN(3) > 0 {
		s.SecurityContext = podContext(r, windows)
	}
	for i := range 1 + r.IntN(3) {
		s.Containers = append(s.Containers, container(r, fmt.Sprintf("main%d", i), windows))
	}
	for i := range r.IntN(2) {
		s.InitContainers = append(s.InitContainers, container(r, fmt.Sprintf("init%d", i), windows))
	}
	for i := range r.IntN(2) {
		c := container(r, fmt.Sprintf("debug%d", i), windows)
		s.EphemeralContainers = append(s.EphemeralContainers, corev1.EphemeralContainer{EphemeralContainerCommon: corev1.EphemeralContainerCommon(c)})
	}
	for i := range r.IntN(3) {
		s.Volumes = append(s.Volumes, corev1.Volume{Name: fmt.Sprintf("v%d", i), VolumeSource: source(r)})
	}
	pod.Annotations = annotations(r)
	return pod
}

func annotations(r *rand.Rand) map[string]string {
	out := map[string]string{}
	for range r.IntN(3) {
		switch key := pick(r, "container.apparmor.security.beta.kubernetes.io/main0", "seccomp.security.alpha.kubernetes.io/pod", "container.seccomp.security.alpha.kubernetes.io/main1", "other"); {
		case strings.Contains(key, "apparmor"):
			out[key] = pick(r, "", "runtime/default", "localhost/x", "unconfined", "bogus")
		default:
			out[key] = pick(r, "runtime/default", "docker/default", "localhost/x", "unconfined", "")
		}
	}
	return out
}

func podContext(r *rand.Rand, windows bool) *corev1.PodSecurityContext {
	c := &corev1.PodSecurityContext{RunAsNonRoot: some(r, true, true, false)}
	if windows {
		c.WindowsOptions = &corev1.WindowsSecurityContextOptions{HostProcess: some(r, true, false)}
		return c
	}
	c.RunAsUser = some[int64](r, 0, 1000)
	c.SELinuxOptions = selinux(r)
	c.SeccompProfile, c.AppArmorProfile = seccomp(r), apparmor(r)
	for _, n := range names(r, "kernel.shm_rmid_forced", "net.ipv4.ip_local_reserved_ports", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_wmem", "kernel.msgmax") {
		c.Sysctls = append(c.Sysctls, corev1.Sysctl{Name: n, Value: "1"})
	}
	return c
}

func selinux(r *rand.Rand) *corev1.SELinuxOptions {
	if r.IntN(3) > 0 {
		return nil
	}
	return &corev1.SELinuxOptions{Type: pick(r, "", "container_t", "container_init_t", "container_kvm_t", "container_engine_t", "spc_t"), User: pick(r, "", "", "u"), Role: pick(r, "", "", "r"), Level: pick(r, "", "s0")}
}

func seccomp(r *rand.Rand) *corev1.SeccompProfile {
	if r.IntN(2) == 0 {
		return nil
	}
	return &corev1.SeccompProfile{Type: pick(r, corev1.SeccompProfileTypeRuntimeDefault, corev1.SeccompProfileTypeLocalhost, corev1.SeccompProfileTypeUnconfined)}
}

func apparmor(r *rand.Rand) *corev1.AppArmorProfile {
	if r.IntN(3) > 0 {
		return nil
	}
	return &corev1.AppArmorProfile{Type: pick(r, corev1.AppArmorProfileTypeRuntimeDefault, corev1.AppArmorProfileTypeLocalhost, corev1.AppArmorProfileTypeUnconfined)}
}

func container(r *rand.Rand, name string, windows bool) corev1.Container {
	c := corev1.Container{Name: name, Image: "registry.example.com/x:1"}
	for range r.IntN(2) {
		c.Ports = append(c.Ports, corev1.ContainerPort{ContainerPort: 80, HostPort: pick[int32](r, 0, 0, 80)})
	}
	if host := pick(r, "", "", "", "peer.example.com"); r.IntN(3) == 0 {
		p := &corev1.Probe{}
		p.HTTPGet, p.TCPSocket = &corev1.HTTPGetAction{Host: host}, &corev1.TCPSocketAction{}
		switch r.IntN(5) {
		case 0:
			c.LivenessProbe = p
		case 1:
			c.ReadinessProbe = p
		case 2:
			c.StartupProbe = p
		case 3:
			c.Lifecycle = &corev1.Lifecycle{PostStart: &corev1.LifecycleHandler{HTTPGet: p.HTTPGet}}
		case 4:
			c.Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{TCPSocket: &corev1.TCPSocketAction{Host: host}}}
		}
	}
	if r.IntN(4) == 0 {
		return c
	}
	s := &corev1.SecurityContext{RunAsNonRoot: some(r, true, true, false)}
	c.SecurityContext = s
	if windows {
		s.WindowsOptions = &corev1.WindowsSecurityContextOptions{HostProcess: some(r, true, false)}
		return c
	}
	s.Privileged, s.AllowPrivilegeEscalation = some(r, true, false), some(r, false, false, true)
	s.RunAsUser = some[int64](r, 0, 1000)
	s.ProcMount = some(r, corev1.DefaultProcMount, corev1.UnmaskedProcMount)
	s.SELinuxOptions, s.SeccompProfile, s.AppArmorProfile = selinux(r), seccomp(r), apparmor(r)
	if r.IntN(2) == 0 {
		s.Capabilities = &corev1.Capabilities{Add: names[corev1.Capability](r, "NET_BIND_SERVICE", "CHOWN", "SYS_ADMIN", "ALL"), Drop: names[corev1.Capability](r, "ALL", "ALL", "NET_RAW", "all")}
	}
	return c
}

func source(r *rand.Rand) corev1.VolumeSource {
	return pick(r,
		corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}},
		corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/a"}},
		corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "a"}},
		corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{}},
		corev1.VolumeSource{NFS: &corev1.NFSVolumeSource{Server: "a", Path: "/"}},
		corev1.VolumeSource{CSI: &corev1.CSIVolumeSource{Driver: "a"}},
		corev1.VolumeSource{RBD: &corev1.RBDVolumeSource{}},
		corev1.VolumeSource{Image: &corev1.ImageVolumeSource{}},
		corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "a"}},
		corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{}},
		corev1.VolumeSource{DownwardAPI: &corev1.DownwardAPIVolumeSource{}},
		corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{}},
	)
}
