//! Plans.
/// A plan, by its code in `plans.name`. The table of a real GitLab may hold codes that are not in this list.
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
    /// The code of premium.
    pub const PREMIUM: &str = "premium";

    /// Parses a known code in any case; surrounding blanks are ignored.
    pub fn parse(text: &str) -> Option<Self> {
        let code = text.trim().to_lowercase();
        KNOWN.contains(&code.as_str()).then_some(Self(code))
    }

    /// A code from the database.
    pub fn stored(code: String) -> Self {
        Self(code)
    }

    /// The plan of a namespace without a subscription.
    pub fn free() -> Self {
        Self("free".to_owned())
    }

    /// `plans.name`.
    pub fn code(&self) -> &str {
        &self.0
    }

    /// `plans.plan_name_uid`: the same in every installation, as ids are not.
    pub fn number(&self) -> Option<i16> {
        let at = KNOWN.iter().position(|code| *code == self.0)?;
        i16::try_from(at + 1).ok()
    }

    /// The plan with this `plan_name_uid`.
    pub fn from_number(number: i16) -> Option<Self> {
        let at = usize::try_from(number).ok()?.checked_sub(1)?;
        KNOWN.get(at).map(|code| Self((*code).to_owned()))
    }

    /// The title of a plan that has none in `plans.title`: `Ultimate Trial`.
    pub fn title(&self) -> String {
        let capitalised = |word: &str| {
            let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
            first.to_uppercase() + rest
        };
        self.0.split('_').map(capitalised).collect::<Vec<_>>().join(" ")
    }

    /// Whether it is sold for money.
    pub fn is_paid(&self) -> bool {
        matches!(self.code(), "bronze" | "silver" | "premium" | "gold" | "ultimate" | "opensource")
    }

    /// Whether nothing was bought: GitLab creates such subscriptions by itself.
    pub fn is_free(&self) -> bool {
        matches!(self.code(), "default" | "free")
    }

    /// Whether Guests take no seat.
    pub fn excludes_guests(&self) -> bool {
        matches!(self.code(), "gold" | "ultimate" | "ultimate_trial" | "opensource")
    }

    /// Whether this is the trial of ultimate for a customer who already pays for premium. Its seats are counted as
    /// for premium ([issue 432525](https://gitlab.com/gitlab-org/gitlab/-/issues/432525)).
    pub fn is_paid_trial(&self) -> bool {
        self.code() == "ultimate_trial_paid_customer"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_code_is_parsed_in_any_case() {
        assert_eq!(Plan::parse(" Ultimate ").unwrap().code(), "ultimate");
        assert_eq!(Plan::parse("platinum"), None);
        assert_eq!(Plan::parse(""), None);
    }

    #[test]
    fn numbers_are_those_of_gitlab() {
        let number = |code: &str| Plan::stored(code.to_owned()).number();
        let some = ["default", "premium", "ultimate_trial", "premium_trial", "early_adopter"];
        assert_eq!(some.map(number), [1, 5, 8, 9, 12].map(Some));
        assert_eq!(number("platinum"), None);
        assert!(KNOWN.iter().all(|code| Plan::from_number(number(code).unwrap()).unwrap().code() == *code));
        assert_eq!([-1, 0, 13].map(Plan::from_number), [None, None, None]);
    }

    #[test]
    fn title_is_capitalised_words() {
        let title = |code: &str| Plan::parse(code).unwrap().title();
        assert_eq!(title("ultimate_trial_paid_customer"), "Ultimate Trial Paid Customer");
        assert_eq!(title("free"), "Free");
    }

    #[test]
    fn properties_of_each_plan_are_those_of_gitlab() {
        let matching = |is: fn(&Plan) -> bool| {
            KNOWN.iter().filter(|code| is(&Plan::parse(code).unwrap())).copied().collect::<Vec<_>>()
        };
        assert_eq!(
            matching(Plan::is_paid),
            ["bronze", "silver", "premium", "gold", "ultimate", "opensource"]
        );
        assert_eq!(matching(Plan::excludes_guests), ["gold", "ultimate", "ultimate_trial", "opensource"]);
        assert_eq!(matching(Plan::is_free), ["default", "free"]);
        assert_eq!(matching(Plan::is_paid_trial), ["ultimate_trial_paid_customer"]);
    }
}
