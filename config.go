package plinth

// Config is what a run is told: plinth.yaml, PLINTH_ variables and flags, in rising order of precedence.
type Config struct {
	Projects      []string // folders, relative to the target; empty: the target is one project
	Exclude       []string // glob patterns of paths to leave out
	Only, Skip    []string // rules, aliases or engines
	FailOn        Severity
	FailOnNothing bool // --fail-on none
	FailOnUnknown bool
	Least         Severity // findings below are not reported
	Strict        bool     // not-downloaded and unsupported make the run incomplete, too
	AllowPartial  bool     // --allow-incomplete
	Offline       bool
	Download      bool // fetch remote modules
	IgnoreRepo    bool // --ignore-repo-config
	Jobs          int  // at least 1
	MaxFile       int64
	VarFiles      []string // Terraform variable files, relative to the root module they are for or to the target
	RuleDirs      []string
	Baselines     []string // files with findings that are known
	Suppress      []Exception
	Policies      []string // folders of policies in Rego and of Gatekeeper's templates
	PolicyData    []string // files and folders that those see as data
	RegoVersion   string   // auto, v0 or v1
	AllowUses     []string // actions, orbs, pipes and components that pipelines may use; empty: all
	DenyUses      []string // those that they may not
	PodSecurity   int      // minor version of the Pod Security Standards, 28 for v1.28; 0: the latest
}

// Exception is findings that somebody accepts, with a reason. A list that is empty means all.
type Exception struct {
	Rules     []string // ids, ids of peers, or the beginning of one and *
	Paths     []string // glob patterns
	Resources []string // addresses, with * for any text
	Why       string
	Until     string // YYYY-MM-DD, the last day on which it counts; "" for ever
	At        Location
}
