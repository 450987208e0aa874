//! Links to the other pages of a list: the requested URL with another page, and never with a token.
use actix_web::HttpRequest;
use endpoint::Core;
use percent_encoding::percent_decode_str;

const TOKENS: [&str; 2] = ["private_token", "access_token"];

#[derive(Debug)]
pub struct Links {
    url: String,
    query: String,
}

impl Links {
    pub fn new(request: &HttpRequest, core: &Core) -> Self {
        Self {
            // Relative to the request if its host is malformed.
            url: format!("{}{}", endpoint::origin(request, core).unwrap_or_default(), request.uri().path()),
            query: request.query_string().to_owned(),
        }
    }

    /// The query of the request, without the parameters in `dropped` and with those in `further`.
    pub fn link(&self, dropped: &[&str], further: &[(&str, String)], rel: &str) -> String {
        let stays = |pair: &&str| {
            let name = pair.split('=').next().unwrap_or_default();
            let name = percent_decode_str(name).decode_utf8_lossy();
            !pair.is_empty() && !TOKENS.contains(&&*name) && !dropped.contains(&&*name)
        };
        let kept = self.query.split('&').filter(stays).map(ToOwned::to_owned);
        let all: Vec<String> =
            kept.chain(further.iter().map(|(name, value)| format!("{name}={value}"))).collect();
        format!("<{}?{}>; rel=\"{rel}\"", self.url, all.join("&"))
    }
}

#[cfg(test)]
mod tests {
    use super::Links;

    #[test]
    fn a_link_keeps_the_query_but_for_tokens() {
        let links = Links {
            url: "https://h/v4/x".to_owned(),
            query: "a=1&private_token=s&private%5Ftoken=s&access_token=s&page=3&&b".to_owned(),
        };
        let link = links.link(&["page"], &[("page", "4".to_owned())], "next");
        assert_eq!(link, "<https://h/v4/x?a=1&b&page=4>; rel=\"next\"");
    }
}
