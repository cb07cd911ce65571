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
        lexical,
        semantic,
        candidate_source,
        matched_at
    from source

)

select * from renamed
