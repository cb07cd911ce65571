with places as (

    select * from {{ ref('int_live_places') }}

),

families as (

    select * from {{ ref('stg_families') }}

),

joined as (

    select
        places.family_id,
        families.family,
        places.language,
        places.repo_id,
        places.repository,
        places.path,
        places.kind,
        places.qualified_name,
        places.duplicate_index,
        places.start_line,
        places.end_line,
        places.n_lines,
        places.is_test,
        places.pattern_id,
        places.exact_hash,
        places.pattern_id = families.medoid_pattern_id as is_medoid_pattern,
        places.similarity,
        places.since_sha,
        places.since_at,
        case
            when places.start_line is null then 'the file at the head does not hold this text'
        end as lines_unknown_reason
    from places
    inner join families on places.family_id = families.family_id

)

select * from joined
