with source as (

    select * from {{ source('stemma', 'patterns') }}

),

renamed as (

    select
        pattern_id,
        language,
        kind,
        name,
        signature,
        n_lines,
        n_tokens,
        is_trivial,
        trivial_reason
    from source

)

select * from renamed
