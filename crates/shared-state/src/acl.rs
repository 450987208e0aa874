//! The commands and keys of each service, for its Redis user.

/// What a service does in Redis.
#[derive(Debug, Clone, Copy)]
pub struct ServiceRights {
    /// The name of the service's user.
    pub user: &'static str,
    pub keys: &'static [&'static str],
    pub commands: &'static [&'static str],
}

/// Commands of every service: for the check at start, the database number of the URL, and Sentinel.
const COMMON_COMMANDS: &[&str] = &["exec", "info", "multi", "ping", "role", "select"];

pub const SERVICES: &[ServiceRights] = &[
    ServiceRights {
        user: "shell_api",
        keys: &[
            "queues",
            "queue:*",
            "git-receive-pack-reference-counter:*",
            "redirect_namespace:*",
            "project_created:*",
            "session:otp:*",
            "application_rate_limiter:*",
        ],
        commands: &["decr", "del", "eval", "exists", "expire", "get", "incrby", "lpush", "sadd", "setex"],
    },
    ServiceRights {
        user: "kas_api",
        keys: &["cache:Clusters::AgentToken:*", "kas:events", "{hll_counters}_*", "USAGE_KUBERNETES_AGENT_*"],
        commands: &["expire", "get", "incrby", "pfadd", "pfcount", "set", "setex", "xadd"],
    },
    ServiceRights {
        user: "scim_api",
        keys: &[
            "queues",
            "queue:*",
            "session:gitlab:*",
            "session:user:gitlab:*",
            "session:lookup:user:gitlab:*",
        ],
        commands: &["del", "lpush", "sadd", "smembers", "srem"],
    },
    ServiceRights {
        user: "admin_api",
        keys: &["internal_api:*"],
        commands: &["exists", "expire", "incrby", "setex"],
    },
    ServiceRights { user: "billing_api", keys: &[], commands: &[] },
];

impl ServiceRights {
    /// The command that creates the user with exactly these rights.
    pub fn to_command(self, password: &str) -> String {
        let keys = self.keys.iter().map(|key| format!(" ~{key}"));
        let mut commands: Vec<&str> = COMMON_COMMANDS.iter().chain(self.commands).copied().collect();
        commands.sort_unstable();
        let commands = commands.into_iter().map(|command| format!(" +{command}"));
        let rules: String = keys.chain(commands).collect();
        format!("ACL SETUSER {} reset on >{password}{rules}", self.user)
    }
}
