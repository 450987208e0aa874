/// A plan, by its code: `plans.name`. The table of a real GitLab may hold codes that nobody here knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan(String);

/// In the order of GitLab's `plan_name_uid`, which counts from 1.
const KNOWN: [&str; 12] = [
    "default",
    "free",
    "bronze",
    "silver",
    "premium",
    "gold",
    "ultimate",
    "ultimate_trial",
    "premium_trial",
    "ultimate_trial_paid_customer",
    "opensource",
    "early_adopter",
];

impl Plan {
    /// A code that may be sold, in whatever case.
    pub fn parse(text: &str) -> Option<Self> {
        let code = text.trim().to_lowercase();
        KNOWN.contains(&code.as_str()).then_some(Self(code))
    }

    /// A code as it is stored.
    pub fn stored(code: String) -> Self {
        Self(code)
    }

    pub fn free() -> Self {
        Self("free".to_owned())
    }

    pub fn code(&self) -> &str {
        &self.0
    }

    /// `plans.plan_name_uid`: the same in every installation, as ids are not.
    pub fn number(&self) -> Option<i16> {
        let at = KNOWN.iter().position(|code| *code == self.0)?;
        i16::try_from(at + 1).ok()
    }

    /// The plan of such a number.
    pub fn numbered(number: i16) -> Option<Self> {
        let at = usize::try_from(number).ok()?.checked_sub(1)?;
        KNOWN.get(at).map(|code| Self((*code).to_owned()))
    }

    /// What people read, where the table does not say otherwise: `Ultimate Trial`.
    pub fn title(&self) -> String {
        let capitalised = |word: &str| {
            let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
            first.to_uppercase() + rest
        };
        self.0.split('_').map(capitalised).collect::<Vec<_>>().join(" ")
    }

    pub fn is_paid(&self) -> bool {
        matches!(self.code(), "bronze" | "silver" | "premium" | "gold" | "ultimate" | "opensource")
    }

    /// Nothing was bought: GitLab makes such subscriptions by itself.
    pub fn is_free(&self) -> bool {
        matches!(self.code(), "default" | "free")
    }

    /// Guests take no seat.
    pub fn excludes_guests(&self) -> bool {
        matches!(
            self.code(),
            "gold" | "ultimate" | "ultimate_trial" | "ultimate_trial_paid_customer" | "opensource"
        )
    }

    /// Who pays and tries the highest plan keeps the highest number of seats.
    pub(super) fn keeps_seats_used(&self) -> bool {
        self.code() == "ultimate_trial_paid_customer"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_known_in_any_case() {
        assert_eq!(Plan::parse(" Ultimate ").unwrap().code(), "ultimate");
        assert_eq!(Plan::parse("platinum"), None);
        assert_eq!(Plan::parse(""), None);
    }

    #[test]
    fn plans_are_numbered_as_gitlab_has_it() {
        let number = |code: &str| Plan::stored(code.to_owned()).number();
        let some = ["default", "premium", "ultimate_trial", "premium_trial", "early_adopter"];
        assert_eq!(some.map(number), [1, 5, 8, 9, 12].map(Some));
        assert_eq!(number("platinum"), None);
        assert!(KNOWN.iter().all(|code| Plan::numbered(number(code).unwrap()).unwrap().code() == *code));
        assert_eq!([-1, 0, 13].map(Plan::numbered), [None, None, None]);
    }

    #[test]
    fn titles_are_capitalised_words() {
        let title = |code: &str| Plan::parse(code).unwrap().title();
        assert_eq!(title("ultimate_trial_paid_customer"), "Ultimate Trial Paid Customer");
        assert_eq!(title("free"), "Free");
    }

    #[test]
    fn plans_are_paid_or_high_as_gitlab_has_it() {
        let those = |is: fn(&Plan) -> bool| {
            KNOWN.iter().filter(|code| is(&Plan::parse(code).unwrap())).copied().collect::<Vec<_>>()
        };
        assert_eq!(those(Plan::is_paid), ["bronze", "silver", "premium", "gold", "ultimate", "opensource"]);
        assert_eq!(
            those(Plan::excludes_guests),
            ["gold", "ultimate", "ultimate_trial", "ultimate_trial_paid_customer", "opensource"]
        );
        assert_eq!(those(Plan::is_free), ["default", "free"]);
    }
}
