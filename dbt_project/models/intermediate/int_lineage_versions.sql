with nodes as (

    select * from {{ ref('stg_lineage_nodes') }}

),

repositories as (

    select * from {{ ref('stg_repositories') }}

),

occurrences as (

    select * from {{ ref('stg_occurrences') }}

),

commits as (

    select * from {{ ref('stg_commits') }}

),

versions as (

    select
        nodes.node_id,
        nodes.repo_id,
        repositories.repository,
        nodes.path,
        nodes.kind,
        nodes.qualified_name,
        nodes.duplicate_index,
        nodes.language,
        occurrences.category,
        nodes.pattern_id,
        nodes.exact_hash,
        nodes.sha,
        nodes.first_parent_index,
        births.position,
        nodes.occurred_at,
        case
            when nodes.first_parent_index is null then false
            else occurrences.is_live
        end as is_live,
        occurrences.valid_to_sha as ended_sha,
        ends.committed_at as ended_at,
        row_number() over element as version,
        count(*) over (
            partition by nodes.repo_id, nodes.path, nodes.kind, nodes.qualified_name, nodes.duplicate_index
        ) as n_versions
    from nodes
    inner join repositories on nodes.repo_id = repositories.repo_id
    left join commits as births
        on nodes.repo_id = births.repo_id
        and nodes.sha = births.sha
    left join occurrences
        on nodes.repo_id = occurrences.repo_id
        and nodes.path = occurrences.path
        and nodes.kind = occurrences.kind
        and nodes.qualified_name = occurrences.qualified_name
        and nodes.duplicate_index = occurrences.duplicate_index
        and nodes.first_parent_index = occurrences.valid_from
    left join commits as ends
        on occurrences.repo_id = ends.repo_id
        and occurrences.valid_to_sha = ends.sha
    window element as (
        partition by nodes.repo_id, nodes.path, nodes.kind, nodes.qualified_name, nodes.duplicate_index
        order by births.position, nodes.node_id
    )

)

select * from versions
