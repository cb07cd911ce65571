with occurrences as (

    select * from {{ ref('stg_occurrences') }}
    where is_live and category = 'source'

),

repositories as (

    select * from {{ ref('stg_repositories') }}

),

commits as (

    select * from {{ ref('stg_commits') }}

),

files as (

    select * from {{ ref('stg_files') }}

),

snippets as (

    select * from {{ ref('stg_snippets') }}

),

family_members as (

    select * from {{ ref('stg_family_members') }}

),

-- lines are those of the file as it is now: the content that brought the snippet may have had others
places as (

    select
        occurrences.repo_id,
        repositories.repository,
        occurrences.path,
        occurrences.kind,
        occurrences.qualified_name,
        occurrences.duplicate_index,
        occurrences.language,
        occurrences.pattern_id,
        occurrences.exact_hash,
        family_members.family_id,
        family_members.similarity,
        occurrences.valid_from_sha as since_sha,
        commits.committed_at as since_at,
        snippets.start_line,
        snippets.end_line,
        snippets.n_lines,
        snippets.is_test
    from occurrences
    inner join repositories on occurrences.repo_id = repositories.repo_id
    left join commits
        on occurrences.repo_id = commits.repo_id
        and occurrences.valid_from_sha = commits.sha
    left join files
        on occurrences.repo_id = files.repo_id
        and occurrences.path = files.path
    left join snippets
        on files.blob_oid = snippets.blob_oid
        and repositories.extractor_version = snippets.extractor_version
        and occurrences.kind = snippets.kind
        and occurrences.qualified_name = snippets.qualified_name
        and occurrences.duplicate_index = snippets.duplicate_index
        and occurrences.exact_hash = snippets.exact_hash
    left join family_members on occurrences.pattern_id = family_members.pattern_id

)

select * from places
