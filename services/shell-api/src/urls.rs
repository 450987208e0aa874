//! URLs for users, built from the configuration.
use database::settings::Settings;

use crate::App;

/// The host of a URL, without its port.
pub(crate) fn host(url: &str) -> &str {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest).split('/').next().unwrap_or_default();
    let address = authority.rsplit_once('@').map_or(authority, |(_, address)| address);
    match address.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => address,
    }
}

impl App {
    /// The SSH clone URL of a repository: `git@host:path.git`.
    pub(crate) fn ssh_url(&self, path: &str) -> String {
        let options = &self.options;
        let (user, port) = (&options.ssh_user, options.ssh_port);
        let host = options.ssh_host.as_deref().unwrap_or_else(|| host(&self.core.external_url));
        if port == 22 {
            format!("{user}@{host}:{path}.git")
        } else {
            format!("ssh://{user}@{host}:{port}/{path}.git")
        }
    }

    /// The HTTP clone URL of a repository.
    pub(crate) fn http_url(&self, settings: &Settings, path: &str) -> String {
        let root = settings.custom_http_clone_url_root.as_deref().unwrap_or(&self.core.external_url);
        format!("{}/{path}.git", root.trim_end_matches('/'))
    }

    /// The Git LFS URL of a repository.
    pub(crate) fn lfs_url(&self, settings: &Settings, path: &str) -> String {
        match &self.options.lfs_http {
            Some(root) => format!("{}/{path}.git", root.trim_end_matches('/')),
            None => self.http_url(settings, path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::host;

    #[test]
    fn a_host_has_no_port() {
        for (url, expected) in [
            ("http://localhost:3000", "localhost"),
            ("https://gitlab.example.com/gitlab", "gitlab.example.com"),
            ("https://me@gitlab.example.com:8443/", "gitlab.example.com"),
            ("http://[::1]:80/", "[::1]"),
            ("http://[::1]/", "[::1]"),
        ] {
            assert_eq!(host(url), expected);
        }
    }
}
