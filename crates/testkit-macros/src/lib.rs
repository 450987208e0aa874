//! The attribute `#[testkit::test]`, which runs a test on every database shape.
//!
//! With an attribute, rustfmt and rust-analyzer still process the body of the test. To add a shape, add an
//! entry to `SHAPES` and a constructor with that name to `testkit::Database`.
use proc_macro::TokenStream;
use proc_macro2::{Ident, Span};
use quote::quote;
use syn::ItemFn;

/// The constructors of `testkit::Database`. Each becomes a test with that name.
const SHAPES: [&str; 3] = ["sqlite", "postgresql", "gitlab"];

/// The packages of the services, whose suites run on `gitlab`. In other packages that shape is ignored.
const PACKAGES_ON_GITLAB: [&str; 5] =
    ["admin-api-tests", "billing-api-tests", "kas-api-tests", "scim-api-tests", "shell-api-tests"];

/// Runs `async fn name(database: Database)` once per database shape, as `name::sqlite` and so on.
///
/// Each test has its own thread, event loop and database.
#[proc_macro_attribute]
pub fn test(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let function = syn::parse_macro_input!(item as ItemFn);
    expand(&arguments.into(), &function).unwrap_or_else(|error| error.to_compile_error()).into()
}

fn expand(arguments: &proc_macro2::TokenStream, function: &ItemFn) -> syn::Result<proc_macro2::TokenStream> {
    if !arguments.is_empty() {
        return Err(syn::Error::new_spanned(arguments, "#[testkit::test] takes no arguments"));
    }
    let ItemFn { attrs, sig, block, .. } = function;
    if sig.asyncness.is_none() || sig.inputs.len() != 1 {
        return Err(syn::Error::new_spanned(sig, "expected `async fn name(database: Database)`"));
    }
    let (name, inputs, output) = (&sig.ident, &sig.inputs, &sig.output);
    let package = std::env::var("CARGO_PKG_NAME").unwrap_or_default();
    let tests = SHAPES.iter().map(|shape| {
        let is_ignored = *shape == "gitlab" && !PACKAGES_ON_GITLAB.contains(&package.as_str());
        let ignore = is_ignored.then(|| quote!(#[ignore = "this suite does not run on GitLab's schema"]));
        let shape = Ident::new(shape, Span::call_site());
        quote! {
            #[::core::prelude::v1::test]
            #ignore
            fn #shape() {
                ::testkit::block_on(run(::testkit::Database::#shape()));
            }
        }
    });
    Ok(quote! {
        #(#attrs)*
        mod #name {
            use super::*;
            use ::testkit::Database;

            async fn run(#inputs) #output #block

            #(#tests)*
        }
    })
}
