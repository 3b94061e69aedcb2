//! Patterns of paths.

/// A path with `*` for any text; a slash at the end does not count.
#[derive(Clone, Debug)]
pub(super) struct Pattern(Vec<String>);

impl Pattern {
    pub(super) fn new(pattern: &str) -> Self {
        Self(without_slash(pattern).split('*').map(str::to_owned).collect())
    }

    pub(super) fn matches(&self, path: &str) -> bool {
        let Some((first, rest)) = self.0.split_first() else {
            return false;
        };
        let Some(mut path) = without_slash(path).strip_prefix(first.as_str()) else {
            return false;
        };
        let Some((last, middle)) = rest.split_last() else {
            return path.is_empty();
        };
        for part in middle {
            match path.find(part.as_str()) {
                Some(at) => path = &path[at + part.len()..],
                None => return false,
            }
        }
        path.ends_with(last.as_str())
    }
}

fn without_slash(path: &str) -> &str {
    path.strip_suffix('/').filter(|rest| !rest.is_empty()).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn a_star_is_any_text_and_a_slash_at_the_end_does_not_count() {
        for (pattern, path, expected) in [
            ("/health", "/health", true),
            ("/health", "/health/", true),
            ("/health/", "/health", true),
            ("/health", "/healthz", false),
            ("/health", "/x/health", false),
            ("/grpc.reflection.*", "/grpc.reflection.v1.ServerReflection/Info", true),
            ("*/internal/*", "/a/internal/b", true),
            ("*/internal/*", "/a/internals/b", false),
            ("/a*b*c", "/a-b-b-c", true),
            ("/a*b*c", "/a-c-b", false),
            ("/", "/", true),
            ("/", "/x", false),
        ] {
            assert_eq!(Pattern::new(pattern).matches(path), expected, "{pattern} {path}");
        }
    }
}
