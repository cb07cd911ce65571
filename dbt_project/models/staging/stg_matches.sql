with source as (

    select * from {{ source('stemma', 'matches') }}

),

renamed as (

    select
        pattern_a,
        pattern_b,
        clone_type,
        score,
        structural,
        fingerprint,
        lexical,
        semantic,
        probability,
        confidence,
        note,
        candidate_source,
        matcher_version,
        matched_at
    from source

)

select * from renamed
