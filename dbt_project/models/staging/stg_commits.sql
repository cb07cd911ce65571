with source as (

    select * from {{ source('stemma', 'commits') }}

),

renamed as (

    select
        repo_id,
        sha,
        kind as commit_kind,
        first_parent_index,
        authored_at,
        committed_at,
        subject,
        position,
        stemma.reads_as_fix(subject) as is_fix
    from source

)

select * from renamed
