//! The subset of Gitaly's protocol that our services use: clients, and servers for tests.
//!
//! `proto/gitaly.proto` contains Gitaly's names and numbers, and `src/generated.rs` is generated from it. To
//! use more of the protocol, add a method or a field to `proto/gitaly.proto`, then run
//! `UPDATE_GENERATED=1 cargo test -p gitaly-proto --test generated_code`.
#[rustfmt::skip]
#[expect(clippy::pedantic, clippy::allow_attributes, reason = "generated code")]
mod generated;

pub use generated::*;

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;

    fn text(letter: &str) -> String {
        letter.to_owned()
    }

    /// The bytes that Gitaly reads: number and type of a field, its length, its value.
    #[test]
    fn requests_have_gitalys_field_numbers() {
        use find_changed_paths_request::{MergeCommitDiffMode, Request, request};
        let repository = Repository {
            storage_name: text("a"),
            relative_path: text("b"),
            git_object_directory: text("c"),
            git_alternate_object_directories: vec![text("d"), text("e")],
            gl_repository: text("f"),
            gl_project_path: text("g"),
        };
        let bytes = b"\x12\x01a\x1a\x01b\x22\x01c\x2a\x01d\x2a\x01e\x32\x01f\x42\x01g";
        assert_eq!(repository.encode_to_vec(), bytes);
        let exists = RepositoryExistsRequest { repository: Some(repository) };
        assert_eq!(exists.encode_to_vec(), [b"\x0a\x15", &bytes[..]].concat());
        let ancestor =
            CommitIsAncestorRequest { repository: None, ancestor_id: text("a"), child_id: text("b") };
        assert_eq!(ancestor.encode_to_vec(), b"\x12\x01a\x1a\x01b");
        let containing = ListBranchNamesContainingCommitRequest { repository: None, commit_id: text("a") };
        assert_eq!(containing.encode_to_vec(), b"\x12\x01a");
        let commits = ListCommitsRequest { repository: None, revisions: vec![text("a")] };
        assert_eq!(commits.encode_to_vec(), b"\x12\x01a");
        let blobs = ListBlobsRequest { repository: None, revisions: vec![text("a")], with_paths: true };
        assert_eq!(blobs.encode_to_vec(), b"\x12\x01a\x28\x01");
        let pointers = ListLfsPointersRequest { repository: None, revisions: vec![text("a")] };
        assert_eq!(pointers.encode_to_vec(), b"\x12\x01a");
        let files = ListFilesRequest { repository: None, revision: b"a".to_vec() };
        assert_eq!(files.encode_to_vec(), b"\x12\x01a");
        let commit = request::CommitRequest { commit_revision: text("a") };
        let paths = FindChangedPathsRequest {
            repository: None,
            requests: vec![Request { r#type: Some(request::Type::CommitRequest(commit)) }],
            merge_commit_diff_mode: MergeCommitDiffMode::AllParents.into(),
        };
        assert_eq!(paths.encode_to_vec(), b"\x1a\x05\x12\x03\x0a\x01a\x20\x02");
        let trees = request::TreeRequest { left_tree_revision: text("a"), right_tree_revision: text("b") };
        let trees = Request { r#type: Some(request::Type::TreeRequest(trees)) };
        assert_eq!(trees.encode_to_vec(), b"\x0a\x06\x0a\x01a\x12\x01b");
    }

    /// The answers contain fields that we do not read, as Gitaly sends them.
    #[test]
    fn answers_are_read_by_gitalys_field_numbers() {
        let commit = GitCommit::decode(
            &b"\x0a\x01i\x12\x01s\x1a\x01b\x22\x06\x0a\x01n\x12\x01e\x2a\x03\x0a\x01m\x32\x01p\x32\x01q\x38\x07\x40\x03\x4a\x01t"[..],
        );
        let expected = GitCommit {
            id: text("i"),
            body: b"b".to_vec(),
            author: Some(CommitAuthor { name: b"n".to_vec(), email: b"e".to_vec() }),
            committer: Some(CommitAuthor { name: b"m".to_vec(), email: Vec::new() }),
            parent_ids: vec![text("p"), text("q")],
            body_size: 7,
            signature_type: SignatureType::Ssh.into(),
        };
        assert_eq!(commit, Ok(expected));
        let paths = FindChangedPathsResponse::decode(&b"\x0a\x08\x0a\x01p\x10\x02\x18\xa4\x03"[..]).unwrap();
        assert_eq!(paths.paths[0].status(), changed_paths::Status::Deleted);
        assert_eq!(paths.paths[0].path, b"p");
        let blobs = ListBlobsResponse::decode(&b"\x0a\x08\x0a\x01o\x10\x05\x22\x01p"[..]).unwrap();
        let blob = list_blobs_response::Blob { oid: text("o"), size: 5, path: b"p".to_vec() };
        assert_eq!(blobs.blobs, [blob]);
        let pointers = ListLfsPointersResponse::decode(&b"\x0a\x08\x08\x09\x12\x01d\x1a\x01o"[..]).unwrap();
        assert_eq!(pointers.lfs_pointers, [LfsPointer { data: b"d".to_vec(), oid: text("o") }]);
        let branches = ListBranchNamesContainingCommitResponse::decode(&b"\x12\x01b"[..]).unwrap();
        assert_eq!(branches.branch_names, [b"b"]);
        assert_eq!(ListFilesResponse::decode(&b"\x0a\x01p"[..]).unwrap().paths, [b"p"]);
        assert_eq!(FindDefaultBranchNameResponse::decode(&b"\x0a\x01n"[..]).unwrap().name, b"n");
        assert!(RepositoryExistsResponse::decode(&b"\x08\x01"[..]).unwrap().exists);
        assert!(HasLocalBranchesResponse::decode(&b"\x08\x01"[..]).unwrap().value);
        assert!(CommitIsAncestorResponse::decode(&b"\x08\x01"[..]).unwrap().value);
        let info =
            ServerInfoResponse::decode(&b"\x0a\x01v\x12\x01g\x1a\x0a\x0a\x01s\x10\x01\x18\x01\x22\x01x"[..]);
        let storage =
            server_info_response::StorageStatus { storage_name: text("s"), readable: true, writeable: true };
        let expected = ServerInfoResponse {
            server_version: text("v"),
            git_version: text("g"),
            storage_statuses: vec![storage],
        };
        assert_eq!(info, Ok(expected));
    }
}
